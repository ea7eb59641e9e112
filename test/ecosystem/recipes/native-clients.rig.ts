import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import type { AuthenticateOptions } from '../../../plugin/index.ts'
import { createTestAuth } from '../../../plugin/testing.ts'
import { namedBlock } from '../../fixtures/named-block.ts'
import { playTranscript } from '../../fixtures/transcript.ts'
import { importCode, writeBlock } from '../printed-code.ts'

t.setTimeout(120_000)
process.env.ALICE_PASSWORD = 'wonderland'
const page = 'docs/recipes/native-clients.md'
const { createApp } = await importCode<{
  createApp: (options: Partial<AuthenticateOptions>) => Promise<FastifyInstance>
}>(page, namedBlock('README.md', 'application'))

/** The client as one file, which starts faster. */
const script = join(t.testdir({}), 'notes.mjs')
await build({
  entryPoints: [writeBlock(page, 'notes')],
  outfile: script,
  bundle: true,
  platform: 'node',
  format: 'esm',
  alias: { 'fastify-authenticate/client': fileURLToPath(new URL('../../../client/index.js', import.meta.url)) }
})

async function start(t: Test) {
  const auth = createTestAuth()
  const app = await createApp(auth.options)
  const hooks = { onRefresh: async () => {} }
  app.addHook('onSend', async ({ url }) => {
    if (url === '/refresh') await hooks.onRefresh()
  })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => app.close())
  const home = t.testdir({})
  const file = join(home, 'notes/session.json')

  function launch(args: readonly string[], input = '') {
    const child = spawn(process.execPath, [script, ...args], {
      env: { PATH: process.env.PATH, NOTES_URL: url, XDG_STATE_HOME: home }
    })
    t.teardown(() => child.kill('SIGKILL'))
    let [output, errors] = ['', '']
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk
    })
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk
    })
    child.stdin.end(input)
    const done = once(child, 'close').then(([code]) => [code, output.trim(), errors.trim()] as const)
    return { child, done }
  }
  const notes = async (args: string, input = '') => await launch(args.split(' '), input).done
  const types = () => auth.events.splice(0).map(({ type }) => type)
  return { auth, app, hooks, file, launch, notes, types }
}

const listed = [0, 'buy milk', ''] as const

t.test('notes signs in, lists, and signs out', async (t) => {
  const { auth, file, notes } = await start(t)
  t.strictSame(await notes('list'), [1, '', 'Sign in first: notes login NAME'])
  t.strictSame(await notes('login alice', 'looking-glass'), [1, '', 'Wrong username or password'])
  t.strictSame(await notes('login alice', 'wonderland\n'), [0, '', ''])
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.equal(statSync(join(file, '..')).mode & 0o777, 0o700)
  t.strictSame(await notes('list'), listed)
  auth.clock.advance(3600)
  t.strictSame(await notes('list'), listed, 'after a refresh')
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.strictSame(await notes('logout'), [0, '', ''])
  t.throws(() => statSync(file), { code: 'ENOENT' })
  t.strictSame(await notes('list'), [1, '', 'Sign in first: notes login NAME'])
})

t.test('notes does not lose the session', async (t) => {
  const { auth, hooks, file, launch, notes, types } = await start(t)
  await notes('login alice', 'wonderland')
  types()

  await t.test('if four processes refresh at the same time', async (t) => {
    auth.clock.advance(3600)
    const results = await Promise.all([1, 2, 3, 4].map(() => notes('list')))
    t.strictSame(results, [listed, listed, listed, listed])
    const seen = types().filter((type) => type !== 'token-refused')
    t.equal(seen.filter((type) => type === 'session-refreshed').length, 1)
    // A process that comes last may find the new token in the file, and sends no refresh.
    const others = seen.filter((type) => type !== 'session-refreshed' && type !== 'refresh-coalesced')
    t.strictSame(others, [])
  })

  await t.test('if it is killed before it has received the new tokens', async (t) => {
    auth.clock.advance(3600)
    const before = readFileSync(file, 'utf8')
    const { child, done } = launch(['list'])
    hooks.onRefresh = async () => {
      child.kill('SIGKILL')
      await done
    }
    await done
    hooks.onRefresh = async () => {}
    t.equal(readFileSync(file, 'utf8'), before)
    t.match(types(), ['token-refused', 'session-refreshed'])
    auth.clock.advance(60)
    t.strictSame(await notes('list'), listed)
    t.ok(types().includes('refresh-retried'))
    t.strictSame(await notes('list'), listed)
  })

  await t.test('but if a copy of the file is used on another machine', async (t) => {
    const copy = readFileSync(file, 'utf8')
    for (let hours = 0; hours < 2; hours++) {
      auth.clock.advance(3600)
      t.strictSame(await notes('list'), listed)
    }
    const current = readFileSync(file, 'utf8')
    writeFileSync(file, copy)
    auth.clock.advance(3600)
    const ended = [1, '', 'Your session has ended. Sign in again'] as const
    t.strictSame(await notes('list'), ended)
    t.ok(types().includes('refresh-token-reused'))
    t.throws(() => statSync(file), { code: 'ENOENT' })
    writeFileSync(file, current)
    t.strictSame(await notes('list'), ended, 'nor does the newer one work')
  })
})

t.test('notes keeps its session while the server is down', async (t) => {
  const { app, file, notes } = await start(t)
  await notes('login alice', 'wonderland')
  const before = readFileSync(file, 'utf8')
  await app.close()
  t.strictSame(await notes('list'), [1, '', 'The server is unavailable'])
  t.equal(readFileSync(file, 'utf8'), before)
})

t.test('the requests of a mobile client', async (t) => {
  const auth = createTestAuth()
  const app = await createApp(auth.options)
  t.teardown(() => app.close())
  let tokens: Record<string, string> = {}
  app.addHook('onSend', async ({ url }, _reply, payload) => {
    if (url === '/login') {
      tokens = JSON.parse(payload as string) as Record<string, string>
      auth.clock.advance(600)
    }
  })
  const fill = () => ({
    '"PASSWORD"': '"wonderland"',
    ACCESS_TOKEN: tokens.access_token ?? '',
    REFRESH_TOKEN: tokens.refresh_token ?? ''
  })
  await playTranscript(t, app, { block: namedBlock(page, 'requests'), fill })
  const headers = { authorization: `Bearer ${tokens.access_token}` }
  t.equal((await app.inject({ method: 'POST', url: '/logout', headers })).statusCode, 204, 'with an expired token')
})
