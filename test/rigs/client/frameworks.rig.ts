// The blocks of docs/client.md for React, Vue and Svelte: compiled, and run in one page.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'
import fastify from 'fastify'
import type { Page } from 'playwright-core'
import { compile } from 'svelte/compiler'
import t from 'tap'
import authenticate from '../../../plugin/index.ts'
import { secret } from '../../fixtures/app.ts'
import { launchBrowser, skipWithoutBrowser } from '../../fixtures/browser.ts'
import { namedBlock } from '../../fixtures/named-block.ts'
import { run } from '../../package/commands.ts'

t.setTimeout(120_000)
const folder = fileURLToPath(new URL('.', import.meta.url))
const cache = join(folder, '.cache')
const typescript = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url))
const names = ['auth', 'libraries', 'react', 'vue', 'svelte']

/** What `npx openapi-typescript` and a server of tRPC export. */
const types = `
import { initTRPC } from '@trpc/server'
export interface paths { '/notes': { get: { responses: { 200: { content: { 'application/json': string[] } } } } } }
const router = initTRPC.create().router({})
export type Router = typeof router
`

/** Writes the blocks beside this file, so that their imports can be resolved. */
function writeBlocks(): void {
  rmSync(cache, { recursive: true, force: true })
  mkdirSync(cache)
  for (const name of names) {
    const local = namedBlock('docs/client.md', name).replace(
      "'fastify-authenticate/client'",
      "'../../../../client/index.js'"
    )
    writeFileSync(join(cache, `${name}.ts`), local.replaceAll(/'\.\/(auth|api)\.js'/g, "'./$1.ts'"))
  }
  writeFileSync(join(cache, 'api.ts'), types)
  const compilerOptions = {
    strict: true,
    noEmit: true,
    allowJs: true,
    allowImportingTsExtensions: true,
    skipLibCheck: true,
    target: 'es2022',
    lib: ['es2022', 'dom'],
    types: [],
    module: 'esnext',
    moduleResolution: 'bundler'
  }
  const files = names.map((name) => `${name}.ts`)
  writeFileSync(join(cache, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
}
writeBlocks()

t.test('the blocks compile with the types of the DOM', async (t) => {
  const { text } = await run([process.execPath, typescript, '-p', cache], { cwd: folder })
  t.equal(text, '')
})

const compileSvelte: Plugin = {
  name: 'svelte',
  setup({ onLoad }) {
    onLoad({ filter: /\.svelte$/ }, ({ path }) => ({
      contents: compile(readFileSync(path, 'utf8'), { filename: path, generate: 'client' }).js.code
    }))
  }
}

async function bundlePage(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(folder, 'frameworks/page.js')],
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'rig',
    platform: 'browser',
    conditions: ['svelte', 'browser'],
    define: { 'process.env.NODE_ENV': '"production"' },
    plugins: [compileSvelte]
  })
  return outputFiles[0]!.text
}

t.test('each shows who is signed in, also after a sign-out in another tab', skipWithoutBrowser, async (t) => {
  const script = await bundlePage()
  const app = fastify({ forceCloseConnections: true })
  t.teardown(() => app.close())
  await app.register(authenticate, { issuer: 'https://rig.example.com', secret })
  app.get('/', (_request, reply) => reply.type('text/html').send('<body><script src="/page.js"></script></body>'))
  app.get('/page.js', (_request, reply) => reply.type('text/javascript').send(script))
  app.post('/login', (_request, reply) => reply.signIn({ sub: 'alice', transport: 'cookie' }))
  app.post('/auth/refresh', (_request, reply) => reply.refresh())
  app.post('/auth/logout', async (_request, reply) => {
    await reply.signOut()
    return reply.code(204).send()
  })
  app.get('/me', { config: { auth: true } }, ({ user, auth }) => ({ sub: user.sub, sid: auth.sessionId }))
  await app.listen({ port: 0, host: '127.0.0.1' })
  const url = `http://localhost:${(app.server.address() as AddressInfo).port}`
  const browser = await launchBrowser()
  t.teardown(() => browser.close())
  const context = await browser.newContext()
  const open = async () => {
    const tab = await context.newPage()
    await tab.goto(url)
    return tab
  }
  const all = (text: string) => ['react', 'vue', 'svelte'].map((name) => `${name}: ${text}`)
  const untilAllShow = async (tab: Page, text: string) => {
    // Frames are not painted in the tab behind.
    await tab.waitForFunction(`JSON.stringify(rig.shown()) === '${JSON.stringify(all(text))}'`, null, { polling: 20 })
  }

  const [one, other] = [await open(), await open()]
  await untilAllShow(one, 'nobody')
  await one.evaluate("fetch('/login', { method: 'POST' }).then(rig.auth.signedIn)")
  await untilAllShow(one, 'alice')
  await untilAllShow(other, 'alice')
  await other.evaluate('rig.auth.signOut()')
  await untilAllShow(one, 'nobody')
  await untilAllShow(other, 'nobody')
  t.ok(((await one.evaluate('rig.listening()')) as number) > 0)
  await one.evaluate('rig.remove()')
  t.equal(await one.evaluate('rig.listening()'), 0, 'what is removed does not listen')
})
