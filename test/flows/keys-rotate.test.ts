import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { decodeProtectedHeader } from 'jose'
import t from 'tap'
import { rotateKeys } from '../../example-server/keys/key-file.ts'
import type { KeptKey } from '../../example-server/keys/rotation.ts'
import { password } from '../fixtures/example-client.ts'
import { runProgram, startCluster } from '../fixtures/example-server.ts'

// Processes that start from TypeScript are slow on a busy machine.
t.setTimeout(600_000)

const kidOf = (token: string) => decodeProtectedHeader(token).kid

async function login(url: string): Promise<string> {
  const response = await fetch(`${url}/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'alice', password })
  })
  return ((await response.json()) as { access_token: string }).access_token
}

async function me(url: string, token: string): Promise<number> {
  return (await fetch(`${url}/me`, { headers: { authorization: `Bearer ${token}` } })).status
}

async function kidsAt(url: string): Promise<string[]> {
  const { keys } = (await (await fetch(`${url}/.well-known/jwks.json`)).json()) as { keys: { kid: string }[] }
  return keys.map(({ kid }) => kid)
}

/** Reads a value again and again until it is as expected: the servers reload their keys on their own. */
async function until<T>(read: () => Promise<T> | T, isExpected: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await read()
    if (isExpected(value)) return value
    await setTimeout(10)
  }
}

/** Changes the file as if each key had entered its state so much earlier. */
function age(dataDir: string, seconds: number): void {
  const file = join(dataDir, 'keys', 'keys.json')
  const kept = JSON.parse(readFileSync(file, 'utf8')) as KeptKey[]
  const older = kept.map((key) => ({ ...key, since: new Date(Date.parse(key.since) - seconds * 1000).toISOString() }))
  writeFileSync(`${file}.older`, JSON.stringify(older), { mode: 0o600 })
  renameSync(`${file}.older`, file)
}

const reloadsIn = ({ text }: { text: string }) => text.match(/"msg":"keys-reloaded"/g)?.length ?? 0

t.test('npm run keys:rotate rotates the keys of three running nodes, and earlier tokens stay valid', async (t) => {
  const dataDir = t.testdir()
  const { a, b, c, output, hangUp, stop } = await startCluster({
    DATA_DIR: dataDir,
    DEMO_PASSWORD: password,
    LOG_LEVEL: 'debug'
  })
  let running = true
  t.teardown(async () => {
    if (running) await stop()
  })
  const onAll = async <T>(read: (url: string) => Promise<T>) => await Promise.all([a, b, c].map(read))
  const publishedKids = async () => await onAll(kidsAt)

  const [first, second] = (await kidsAt(a)) as [string, string]
  t.strictSame(await publishedKids(), Array(3).fill([first, second]))
  const token = await login(a)
  t.equal(kidOf(token), first)

  const command = runProgram(t, { entry: 'commands/keys-rotate.ts', env: { DATA_DIR: dataDir } })
  t.equal(await command.exitCode(), 0)
  t.match(command.output.text, /^the next key becomes usable at \S+Z; run this again then\n$/)
  t.strictSame(await publishedKids(), Array(3).fill([first, second]), 'nothing has changed')

  age(dataDir, 600)
  t.strictSame(await rotateKeys(join(dataDir, 'keys')), [
    'the next key is active now; the former active key only verifies',
    'published a new next key'
  ])
  const sets = await until(publishedKids, (all) => all.every(({ length }) => length === 3))
  const third = sets[0]![2]!
  t.strictSame(sets, Array(3).fill([first, second, third]))
  t.strictSame(await onAll((url) => me(url, token)), [200, 200, 200], 'a token of before')
  const later = await login(b)
  t.equal(kidOf(later), second)
  t.strictSame(await onAll((url) => me(url, later)), [200, 200, 200])

  age(dataDir, 87_000)
  t.match(await rotateKeys(join(dataDir, 'keys')), ['removed 1 previous key, whose tokens have expired'])
  await until(publishedKids, (all) => all.every(([kid]) => kid === second))
  t.strictSame(await onAll((url) => me(url, token)), [401, 401, 401], 'a token of the removed key')
  t.strictSame(await onAll((url) => me(url, later)), [200, 200, 200], 'a token of the key that only verifies')
  t.equal(kidOf(await login(c)), third)

  // The file watcher may still reload once for each write above: only further reloads are those of SIGHUP.
  for (const times of [1, 2, 3]) {
    const before = reloadsIn(output)
    hangUp()
    await until(
      () => reloadsIn(output),
      (reloads) => reloads >= before + 3
    )
    t.ok(reloadsIn(output) >= before + 3, `SIGHUP reloads the keys of each node, ${times}`)
  }
  t.notMatch(output.text, /keys-reload-failed/)
  running = false
  t.equal(await stop(), 0)
})
