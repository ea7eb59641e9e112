import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeProtectedHeader } from 'jose'
import t, { type Test } from 'tap'
import type { KeptKey } from '../../example-server/keys/rotation.ts'
import { spawnEntry, startCluster, startServer } from '../fixtures/example-server.ts'
import { skipWithoutRedis, startRedis } from '../fixtures/redis-server.ts'

// Processes that start from TypeScript take their time on a busy machine.
t.setTimeout(120_000)

const password = 'correct horse battery staple'

const kidOf = (token: string) => decodeProtectedHeader(token).kid

async function login(url: string): Promise<string> {
  const answer = await fetch(`${url}/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'alice', password })
  })
  return ((await answer.json()) as { access_token: string }).access_token
}

async function me(url: string, token: string): Promise<number> {
  return (await fetch(`${url}/me`, { headers: { authorization: `Bearer ${token}` } })).status
}

async function kidsAt(url: string): Promise<string[]> {
  const { keys } = (await (await fetch(`${url}/.well-known/jwks.json`)).json()) as { keys: { kid: string }[] }
  return keys.map(({ kid }) => kid)
}

/** Asks again and again until it is so: the server is told by nobody. */
async function until<T>(ask: () => Promise<T> | T, isSo: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask()
    if (isSo(answer)) return answer
    await new Promise(setImmediate)
  }
}

/** As if so much time had gone by since each key came into its state. */
function age(dataDir: string, seconds: number): void {
  const file = join(dataDir, 'keys', 'keys.json')
  const kept = JSON.parse(readFileSync(file, 'utf8')) as KeptKey[]
  const older = kept.map((key) => ({ ...key, since: new Date(Date.parse(key.since) - seconds * 1000).toISOString() }))
  writeFileSync(`${file}.older`, JSON.stringify(older), { mode: 0o600 })
  renameSync(`${file}.older`, file)
}

/** `npm run keys:rotate`. */
async function rotate(t: Test, dataDir: string): Promise<string> {
  const { output, exitCode } = spawnEntry(t, 'commands/keys-rotate.ts', { DATA_DIR: dataDir })
  t.equal(await exitCode(), 0, output.text)
  return output.text
}

const reloadsIn = ({ text }: { text: string }) => text.match(/"msg":"keys-reloaded"/g)?.length ?? 0

t.test('npm run keys:rotate moves the keys of a running server, and what was signed before goes on', async (t) => {
  const dataDir = t.testdir()
  const { url, output, hangUp, stop } = await startServer(t, {
    DATA_DIR: dataDir,
    DEMO_PASSWORD: password,
    LOG_LEVEL: 'debug'
  })
  const [first, second] = (await kidsAt(url)) as [string, string]
  const token = await login(url)
  t.equal(kidOf(token), first)

  t.match(await rotate(t, dataDir), /^the next key becomes usable at \S+Z; run this again then\n$/)
  t.strictSame(await kidsAt(url), [first, second], 'nothing was done')

  age(dataDir, 600)
  t.equal(
    await rotate(t, dataDir),
    'the next key is active now; the former active key only verifies\npublished a new next key\n'
  )
  const [, , third] = (await until(
    () => kidsAt(url),
    ({ length }) => length === 3
  )) as [string, string, string]
  t.strictSame(await kidsAt(url), [first, second, third])
  t.equal(await me(url, token), 200, 'the token of before')
  const later = await login(url)
  t.equal(kidOf(later), second)
  t.equal(await me(url, later), 200)

  age(dataDir, 87_000)
  t.match(await rotate(t, dataDir), /^removed 1 previous key: no token of it is valid any more\n/)
  await until(
    () => kidsAt(url),
    ([kid]) => kid === second
  )
  t.equal(await me(url, token), 401, 'of a key that is gone')
  t.equal(await me(url, later), 200, 'of one that only verifies')
  t.equal(kidOf(await login(url)), third)

  // One reload could still be the folder's; three are not.
  for (const times of [1, 2, 3]) {
    const before = reloadsIn(output)
    hangUp()
    t.ok(
      (await until(
        () => reloadsIn(output),
        (reloads) => reloads > before
      )) > before,
      `SIGHUP, ${times}`
    )
  }
  t.equal(await me(url, later), 200)
  t.notMatch(output.text, /keys-reload-failed/)
  t.equal(await stop(), 0)
})

t.test(
  'npm run keys:rotate moves the keys of three nodes over one folder, and SIGHUP reaches them all',
  skipWithoutRedis,
  async (t) => {
    const redis = await startRedis()
    t.teardown(redis.stop)
    const dataDir = t.testdir()
    const { a, b, c, output, hangUp, stop } = await startCluster({
      REDIS_URL: `unix://${redis.path}`,
      DATA_DIR: dataDir,
      DEMO_PASSWORD: password,
      LOG_LEVEL: 'debug'
    })
    let running = true
    t.teardown(async () => {
      if (running) await stop()
    })
    const nodes = [a, b, c]
    const everywhere = async <T>(ask: (url: string) => Promise<T>) => await Promise.all(nodes.map(ask))

    const [first, second] = (await kidsAt(a)) as [string, string]
    t.strictSame(await everywhere(kidsAt), Array(3).fill([first, second]))
    const token = await login(a)
    age(dataDir, 600)
    await rotate(t, dataDir)
    const sets = await until(
      () => everywhere(kidsAt),
      (all) => all.every(({ length }) => length === 3)
    )
    t.equal(new Set(sets.map(String)).size, 1, 'all publish the same')
    t.strictSame(await everywhere((url) => me(url, token)), [200, 200, 200], 'the token of before')
    const later = await login(b)
    t.equal(kidOf(later), second)
    t.strictSame(await everywhere((url) => me(url, later)), [200, 200, 200])

    const before = reloadsIn(output)
    hangUp()
    t.ok(
      (await until(
        () => reloadsIn(output),
        (reloads) => reloads >= before + 3
      )) >=
        before + 3,
      'each node reloads'
    )
    running = false
    t.equal(await stop(), 0)
  }
)
