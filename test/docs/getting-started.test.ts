// Follows docs/getting-started.md from the first step to the last.
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import type { AuthenticateOptions } from '../../plugin/index.ts'
import { createTestAuth } from '../../plugin/testing.ts'
import { namedBlock, namedBlocks } from '../fixtures/named-block.ts'
import { playTranscript } from '../fixtures/transcript.ts'

t.setTimeout(600_000)

const page = 'docs/getting-started.md'
const run = promisify(execFile)
const urlOf = (file: string) => pathToFileURL(join(import.meta.dirname, '../..', file)).href

/** A file of the page. The package is not installed here: its names become those of its sources. */
function file(name: string): string {
  return namedBlock(page, name)
    .replaceAll("'fastify-authenticate'", `'${urlOf('plugin/index.ts')}'`)
    .replaceAll("'fastify-authenticate/testing'", `'${urlOf('plugin/testing.ts')}'`)
}

/** Writes the files of the page into a folder. */
function makeProject(t: Test): string {
  return t.testdir({
    'package.json': namedBlock(page, 'package.json'),
    'users.ts': file('file users.ts'),
    'app.ts': file('file app.ts'),
    'server.ts': file('file server.ts'),
    'app.test.ts': file('file app.test.ts')
  })
}

interface Project {
  readonly createApp: (options: Partial<AuthenticateOptions>) => Promise<FastifyInstance>
  readonly addUser: (name: string, password: string) => Promise<void>
}

/** The application of the page with the user alice, in this process, with a clock that stands still. */
async function startApp(t: Test) {
  const folder = makeProject(t)
  const { createApp } = (await import(pathToFileURL(join(folder, 'app.ts')).href)) as Project
  const { addUser } = (await import(pathToFileURL(join(folder, 'users.ts')).href)) as Project
  await addUser('alice', 'wonderland')
  const auth = createTestAuth()
  const app = await createApp(auth.options)
  t.teardown(() => app.close())
  return { app, auth }
}

t.test('the messages of a program are as docs/getting-started.md shows them', async (t) => {
  const { app, auth } = await startApp(t)
  const [login, me] = namedBlocks(page, 'bearer')
  await playTranscript(t, app, { block: login! })
  const payload = { username: 'alice', password: 'wonderland' }
  const tokens = (await app.inject({ method: 'POST', url: '/login', payload })).json() as Record<string, string>
  const fill = () => ({ ACCESS_TOKEN: tokens.access_token!, REFRESH_TOKEN: tokens.refresh_token! })
  await playTranscript(t, app, { block: me!, fill })
  auth.clock.advance(600)
  await playTranscript(t, app, { block: namedBlock(page, 'bearer later'), fill })
  const again = { refresh_token: tokens.refresh_token }
  const next = (await app.inject({ method: 'POST', url: '/refresh', payload: again })).json() as Record<string, string>
  await playTranscript(t, app, {
    block: namedBlock(page, 'bearer sign-out'),
    fill: () => ({ NEW_ACCESS_TOKEN: next.access_token!, NEW_REFRESH_TOKEN: next.refresh_token! })
  })
})

t.test('the messages of a browser are as docs/getting-started.md shows them', async (t) => {
  const { app } = await startApp(t)
  const [login, ...others] = namedBlocks(page, 'cookie')
  await playTranscript(t, app, { block: login! })
  const payload = { username: 'alice', password: 'wonderland' }
  const { cookies } = await app.inject({ method: 'POST', url: '/browser/login', payload })
  const [access, refresh] = cookies.map(({ value }) => value)
  const fill = () => ({ ACCESS_COOKIE: access!, REFRESH_COOKIE: refresh! })
  for (const block of others) await playTranscript(t, app, { block, fill })
})

t.test('the scripts of docs/getting-started.md start the server and run the test', async (t) => {
  const folder = makeProject(t)
  const { scripts } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    scripts: { start: string; test: string }
  }
  await run('sh', ['-ec', namedBlock(page, 'secret')], { cwd: folder })
  t.match(readFileSync(join(folder, '.env'), 'utf8'), /^AUTH_SECRET=[\w-]{43}\n$/)
  const withSources = (script: string) => script.replace('node ', '').split(' ')
  const tested = await run(
    process.execPath,
    ['--conditions=fastify-authenticate-source', ...withSources(scripts.test)],
    {
      cwd: folder,
      env: { PATH: process.env.PATH }
    }
  )
  t.match(tested.stdout, /^(?:#|ℹ) pass 3\n(?:#|ℹ) fail 0$/m) || t.comment(tested.stdout)

  const server = spawn(process.execPath, ['--conditions=fastify-authenticate-source', ...withSources(scripts.start)], {
    cwd: folder,
    env: { PATH: process.env.PATH, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  t.teardown(() => server.kill())
  const url = String((await once(server.stdout, 'data'))[0]).trim()
  writeFileSync(join(folder, 'try.sh'), namedBlock(page, 'curl').replaceAll('http://localhost:3000', url))
  const { stdout } = await run('sh', ['-e', 'try.sh'], { cwd: folder })
  const [claims, refusal] = stdout.replace('}{', '}\n{').split('\n')
  t.match(JSON.parse(claims!), { sub: 'user-1', roles: [] })
  t.match(JSON.parse(refusal!), { statusCode: 403, code: 'AUTH_INSUFFICIENT_ROLE' })
})
