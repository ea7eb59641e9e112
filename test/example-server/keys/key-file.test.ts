import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, renameSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { decodeProtectedHeader } from 'jose'
import t from 'tap'
import { followKeys, keysIn, readKeys, rotateKeys } from '../../../example-server/keys/key-file.ts'
import { createApp, epoch } from '../../fixtures/app.ts'

const kidOf = (token: string) => decodeProtectedHeader(token).kid

t.setTimeout(600_000)

t.test('keysIn() keeps key files private to their owner, and serves the last keys after a file is lost', async (t) => {
  const folder = join(t.testdir(), 'data')
  const source = keysIn(folder)
  const file = join(folder, 'keys.json')
  const kinds = async () => (await source()).map(({ state }) => state)
  t.strictSame(await kinds(), ['active', 'next'])
  t.strictSame([statSync(folder).mode & 0o777, statSync(file).mode & 0o777], [0o700, 0o600])
  const first = await readKeys(folder)
  keysIn(folder)
  t.strictSame(await readKeys(folder), first, 'a second start keeps them')

  t.match(await rotateKeys(folder), [/^the next key becomes usable at /])
  t.strictSame(await readKeys(folder), first)
  t.match(await rotateKeys(folder, Date.now() + 600_000), [/^the next key is active now/, 'published a new next key'])
  t.strictSame(await kinds(), ['previous', 'active', 'next'])
  t.equal((await readKeys(folder))[1]?.key, first[1]?.key)
  t.equal(statSync(file).mode & 0o777, 0o600)

  const lock = join(folder, 'keys.lock')
  writeFileSync(lock, '')
  await t.rejects(rotateKeys(folder), { message: `another rotation is running; if it has crashed, remove ${lock}` })
  unlinkSync(lock)

  const { app } = await createApp({ plugin: { keys: source } })
  const before = app.keys.jwks()
  const whole = readFileSync(file, 'utf8')
  for (const [what, spoil] of [
    ['lost', () => unlinkSync(file)],
    ['cut', () => writeFileSync(file, whole.slice(0, 99))],
    ['empty', () => writeFileSync(file, '[]')]
  ] as const) {
    spoil()
    t.equal(await app.keys.reload(), false, what)
    t.strictSame(app.keys.jwks(), before, what)
  }
})

t.test('rotateKeys() creates the keys if there are none, and says so', async (t) => {
  const folder = join(t.testdir(), 'keys')
  t.strictSame(await rotateKeys(folder), [
    `created ${join(folder, 'keys.json')} with an active key, which signs, and a next key`
  ])
  t.strictSame(
    (await readKeys(folder)).map(({ state }) => state),
    ['active', 'next']
  )
  t.match(await rotateKeys(folder), [/^the next key becomes usable at /])
})

t.test('followKeys() reloads when the file is replaced, and on SIGHUP', async (t) => {
  const folder = t.testdir()
  keysIn(folder)
  let notify = (): void => {}
  const next = () =>
    new Promise<void>((resolve) => {
      notify = resolve
    })
  const listeners = process.listenerCount('SIGHUP')
  const stop = followKeys(folder, () => notify())
  // Watching does not keep the process alive, as a server would.
  const alive = setInterval(() => {}, 1000)
  t.teardown(() => {
    clearInterval(alive)
    stop()
  })
  const replaced = next()
  await rotateKeys(folder, Date.now() + 600_000)
  await replaced
  const moved = next()
  const file = join(folder, 'keys.json')
  mkdirSync(join(folder, 'other'))
  writeFileSync(join(folder, 'other', 'x'), readFileSync(file))
  renameSync(join(folder, 'other', 'x'), file)
  await moved
  const signalled = next()
  process.kill(process.pid, 'SIGHUP')
  await signalled
  stop()
  t.equal(process.listenerCount('SIGHUP'), listeners, 'no listener is left')
})

t.test('readKeys() names a file that is not a list of keys, and quotes nothing of it', async (t) => {
  const folder = t.testdir()
  const file = join(folder, 'keys.json')
  const key = { key: 'secret', state: 'active', since: '2026-01-01T00:00:00.000Z' }
  const message = `${file} must be a JSON list of keys with "key", "state" and "since": npm run keys:rotate creates it`
  for (const wrong of ['secret', '{}', '[null]', '["secret"]']) {
    writeFileSync(file, wrong)
    await t.rejects(readKeys(folder), { message }, wrong)
  }
  for (const member of [{ key: 1 }, { state: 'secret' }, { since: undefined }, { since: 'secret' }]) {
    writeFileSync(file, JSON.stringify([{ ...key, ...member }]))
    await t.rejects(readKeys(folder), { message }, JSON.stringify(member))
  }
  writeFileSync(file, JSON.stringify([key]))
  t.strictSame(await readKeys(folder), [key])
})

t.test('three processes over one key folder agree through a rotation under load', async (t) => {
  const folder = t.testdir()
  keysIn(folder)
  const program = fileURLToPath(new URL('../../fixtures/issuer-process.ts', import.meta.url))
  const processes = [1, 2, 3].map(() =>
    spawn(process.execPath, [...process.execArgv, program, folder, String(epoch)], {
      stdio: ['pipe', 'pipe', 'inherit']
    })
  )
  t.teardown(async () => {
    for (const { stdin } of processes) stdin.end()
    await Promise.all(processes.map((child) => once(child, 'close')))
  })
  const nodes = await Promise.all(processes.map(async ({ stdout }) => String((await once(stdout, 'data'))[0])))
  const json = async (url: string, init?: RequestInit) => (await (await fetch(url, init)).json()) as never
  const sign = async (node: string): Promise<string> =>
    ((await json(`${node}/sign`, { method: 'POST' })) as { token: string }).token
  const me = async (node: string, token: string) =>
    (await fetch(`${node}/me`, { headers: { authorization: `Bearer ${token}` } })).status
  const kidsAt = async (node: string): Promise<string> =>
    ((await json(`${node}/.well-known/jwks.json`)) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid).join()
  const everywhere = async (token: string) => await Promise.all(nodes.map((node) => me(node, token)))

  const refused: unknown[] = []
  const run = { calls: 0, done: false }
  const clients = nodes.map(async (from) => {
    while (!run.done) {
      const token = await sign(from)
      const statuses = await everywhere(token)
      run.calls++
      if (statuses.some((status) => status !== 200)) refused.push([kidOf(token), statuses])
    }
  })

  const old = await sign(nodes[0]!)
  let at = Date.now()
  for (const [what, seconds, oldCounts] of [
    ['first', 600, 200],
    ['second', 600, 200],
    ['third, a day later', 87_000, 401]
  ] as const) {
    at += seconds * 1000
    const before = await Promise.all(nodes.map(kidsAt))
    await rotateKeys(folder, at)
    let after = before
    // The processes notice by watching the folder.
    while (new Set(after).size !== 1 || after[0] === before[0]) after = await Promise.all(nodes.map(kidsAt))
    t.strictSame(await everywhere(old), Array(3).fill(oldCounts), `${what} rotation: the first key's tokens`)
    const signed = await Promise.all(nodes.map(sign))
    t.equal(new Set(signed.map(kidOf)).size, 1, `${what} rotation: all sign with one key`)
  }
  // A slow machine needs longer for a few calls.
  while (run.calls <= 10) await new Promise(setImmediate)
  run.done = true
  await Promise.all(clients)
  t.strictSame(refused, [])
  t.ok(run.calls > 10, `${run.calls} tokens, each at three nodes`)
  for (const node of nodes) {
    t.notOk(
      ((await json(`${node}/reloads`)) as string[]).includes('keys-reload-failed'),
      'no list was read half-written'
    )
  }
})
