import { mock } from 'node:test'
import t from 'tap'
import { memoryStore } from '../../../plugin/stores/memory.ts'
import { shardedStore } from '../../../plugin/stores/sharded.ts'
import { UnusableStoreError, type SessionStore } from '../../../plugin/stores/session-store.ts'
import { databaseMessage } from '../../fixtures/fault-store.ts'
import { createStore, faulty, freezeMonotonic, sets, start, subjectOf } from '../../fixtures/shards.ts'
import { createClock, epoch } from '../../fixtures/app.ts'
import { ending, hourMs, idsOf, inserting, newSession, rotation, subject, times } from '../../fixtures/store-values.ts'

const logOf = async (store: SessionStore) => (await store.readRevocations(null, 100)).entries

t.test('newId() names the shard of the newest set that has begun; sessions stay where they are', async (t) => {
  const { store, a, clock } = await createStore(t, { at: epoch - 1 })
  const sub = await (async () => {
    clock.set(epoch)
    const moved = subjectOf(store, 'b')
    clock.set(epoch - 1)
    return moved
  })()
  const { row: before } = await start(store, sub)
  t.match(before.id, /^a~[\w-]{22}$/)
  clock.set(epoch)
  const { row: after } = await start(store, sub)
  t.match(after.id, /^b~[\w-]{22}$/)
  t.equal((await store.rotate(before.id, rotation)).applied, true)
  t.equal((await a.find(before.id)).row?.generation, 1)
  t.strictSame(idsOf((await store.list(subject(sub), { limit: 10 })).rows), [before.id, after.id])
  t.strictSame(idsOf((await store.list(subject(sub), { limit: 1 })).rows).length, 1)
})

t.test('revokeAll() ends the sessions of all sets, and refuses older credentials in each', async (t) => {
  const { store, clock } = await createStore(t)
  const sub = subjectOf(store, 'b')
  clock.set(epoch - 1)
  const { row: before } = await start(store, sub)
  clock.set(epoch)
  const { row: after } = await start(store, sub)
  const { revoked } = await store.revokeAll(subject(sub), ending)
  t.strictSame(idsOf(revoked).sort(), [before.id, after.id])
  for (const now of [epoch - 1, epoch]) {
    clock.set(now)
    const refused = await store.insert(newSession({ id: store.newId!(sub), sub }), {
      ...inserting,
      authenticatedAge: () => 5
    })
    t.equal(refused.row, null)
  }
})

t.test('insert() with `revokeOthers` and `maxSessions` ends sessions of all sets', async (t) => {
  const { store, clock } = await createStore(t)
  const sub = subjectOf(store, 'b')
  clock.set(epoch - 1)
  const before = [(await start(store, sub)).row.id]
  clock.advance(1)
  before.push((await start(store, sub)).row.id)
  const second = await start(store, sub, { maxSessions: 2 })
  t.strictSame([idsOf(second.evicted), second.more], [[before[0]], false])
  const third = await start(store, sub, { revokeOthers: true })
  t.strictSame(idsOf(third.revoked).sort(), [before[1]!, second.row.id].sort())
  t.strictSame(idsOf((await store.list(subject(sub), { limit: 10 })).rows), [third.row.id])
})

t.test('insert() ends a session on another shard first, and only then starts the new one', async (t) => {
  const { store: b, state } = faulty('insert')
  const a = memoryStore()
  const store = shardedStore({ a, b })
  await store.prepare!()
  const [mine, theirs] = [subjectOf(store, 'b'), subjectOf(store, 'a')]
  const { row: former } = await start(store, theirs)
  state.isFaulty = true
  await t.rejects(start(store, mine, { revoke: [former.id] }), { message: `shard "b": ${databaseMessage}` })
  t.not((await store.find(former.id)).row?.revokedAt, null, 'the former session is over')
  t.strictSame((await store.list(subject(mine), { limit: 10 })).rows, [])
  state.isFaulty = false
  const repeated = await start(store, mine, { revoke: [former.id] })
  t.strictSame(repeated.revoked, [], 'it was ended before')
})

t.test('insert() ends nothing on another shard if it refuses the credential', async (t) => {
  const { store } = await createStore(t)
  const [mine, theirs] = [subjectOf(store, 'b'), subjectOf(store, 'a')]
  const { row: kept } = await start(store, theirs)
  const { row: other } = await start(store, mine)
  await store.revokeAll(subject(mine), { ...ending, except: other.id })
  const options = { ...inserting, revoke: [kept.id], revokeOthers: true, authenticatedAge: () => hourMs }
  const { row } = await store.insert(newSession({ id: store.newId!(mine), sub: mine }), options)
  t.equal(row, null)
  for (const { id } of [kept, other]) t.equal((await store.find(id)).row?.revokedAt, null)
  const accepted = await start(store, mine, { ...options, authenticatedAge: () => -1 })
  t.strictSame(idsOf(accepted.revoked).sort(), [kept.id, other.id].sort())
})

t.test('insert() refuses an id that newId() did not make for the subject', async (t) => {
  const { store } = await createStore(t)
  const [mine, theirs] = [subjectOf(store, 'b'), subjectOf(store, 'a')]
  for (const id of [store.newId!(mine), `c~${'A'.repeat(22)}`]) {
    await t.rejects(store.insert(newSession({ id, sub: theirs }), inserting), {
      message: /must be made by newId\(\)|is not listed/
    })
  }
})

t.test('a session of a shard that is not listed is never reported as missing', async (t) => {
  const { store } = await createStore(t)
  const unknown = `c~${'A'.repeat(22)}`
  const message =
    'the session is kept by the shard "c", which is not listed: expected a, b. ' +
    'List it, or list its name in "removed" if all its sessions have expired'
  for (const call of [
    (): Promise<unknown> => store.find(unknown),
    () => store.rotate(unknown, rotation),
    () => store.revoke(unknown, ending)
  ]) {
    await t.rejects(call(), { message })
  }
  const after = shardedStore([memoryStore()], { removed: ['c'] })
  t.equal((await after.find(unknown)).row, null)
  t.equal((await after.rotate(unknown, rotation)).applied, false)
  t.equal((await after.revoke(unknown, ending)).revoked, null)
})

t.test('ids that were tampered with name no session', async (t) => {
  const { store } = await createStore(t)
  const { row } = await start(store, 'alice')
  for (const id of [
    '',
    '~',
    'a~',
    `a~${'A'.repeat(22)}`,
    `${row.id}x`,
    row.id.slice(2),
    `/c~${'A'.repeat(22)}`,
    `c~${'A'.repeat(22)}/`,
    `__proto__~${'A'.repeat(22)}`
  ]) {
    t.equal((await store.find(id)).row, null, id)
  }
})

t.test('a store with sessions becomes the first shard, if it is listed alone as the first set', async (t) => {
  const a = memoryStore()
  await a.insert(newSession({ id: 'A'.repeat(22), sub: 'alice' }), inserting)
  const store = shardedStore({ a, b: memoryStore() }, { sets })
  t.equal((await store.rotate('A'.repeat(22), rotation)).applied, true)
  t.equal((await store.revokeAll(subject('alice'), ending)).revoked.length, 1)
  const careless = shardedStore({ a, b: memoryStore() })
  await t.rejects(careless.find('A'.repeat(22)), {
    message:
      'the session was started before the sessions were distributed: list the shard "a" alone as the first of "sets"'
  })
})

t.test('revokeAll() rejects while one of the shards of the subject is down, and can be repeated', async (t) => {
  const { store: a, state } = faulty('revokeAll')
  const clock = createClock(Date.now())
  const store = shardedStore(
    { a, b: memoryStore() },
    { sets: [{ shards: ['a'] }, { ...sets[1]!, from: '2026-01-01T00:00Z' }], clock }
  )
  await store.prepare!()
  const moved = subjectOf(store, 'b')
  const { row } = await start(store, moved)
  state.isFaulty = true
  await t.rejects(store.revokeAll(subject(moved), ending), { message: `shard "a": ${databaseMessage}` })
  t.not((await store.find(row.id)).row?.revokedAt, null, 'what could be ended is ended')
  state.isFaulty = false
  await t.resolves(store.revokeAll(subject(moved), ending))
})

t.test('readRevocations() reads the other shards while one is down, and misses nothing of it later', async (t) => {
  const { store: a, state } = faulty('readRevocations')
  const store = shardedStore({ a, b: memoryStore() })
  await store.prepare!()
  const [ofA, ofB] = [await start(store, subjectOf(store, 'a')), await start(store, subjectOf(store, 'b'))]
  state.isFaulty = true
  const { cursor } = await store.readRevocations(null, 100)
  await store.revoke(ofA.row.id, ending)
  await store.revoke(ofB.row.id, ending)
  const page = await store.readRevocations(cursor, 100)
  t.strictSame([page.unread, idsOf(page.entries), page.resumed], [['a'], [ofB.row.id], true])
  state.isFaulty = false
  const next = await store.readRevocations(page.cursor, 100)
  t.strictSame([next.unread, idsOf(next.entries), next.resumed], [undefined, [ofA.row.id], true])
})

t.test('readRevocations() returns at most `limit` entries of 12 shards, and misses none page by page', async (t) => {
  freezeMonotonic(t)
  const clock = createClock()
  const names = times(12, (index) => `s${index}`)
  let reads = 0
  const shards = Object.fromEntries(
    names.map((name) => {
      const memory = memoryStore({ clock })
      const readRevocations: SessionStore['readRevocations'] = async (...args) => {
        reads++
        return await memory.readRevocations(...args)
      }
      return [name, { ...memory, readRevocations }]
    })
  )
  const store = shardedStore(shards)
  const until = epoch + hourMs
  const tokens = times(10, (index) => ({ kind: 'token', id: `i ${index}`, until }) as const)
  // From none to 50, and one shard with far more.
  const countOf = (shard: number) => (shard === 11 ? 400 : shard * 5)
  const idOf = (name: string, index: number) => `${name}~${String(index).padStart(22, '0')}`
  const sessions = names.flatMap((name, shard) =>
    times(countOf(shard), (index) => ({ kind: 'session', id: idOf(name, index), until }) as const)
  )
  await store.appendRevocations([...tokens, ...sessions], ending)
  for (const [limit, pages, calls] of [
    [12, 74, 957],
    [100, 9, 139],
    [1000, 1, 13]
  ] as const) {
    reads = 0
    const seen: string[] = []
    const sizes: number[] = []
    for (let cursor: string | null = null, more = true; more;) {
      const page = await store.readRevocations(cursor, limit)
      sizes.push(page.entries.length)
      seen.push(...idsOf(page.entries))
      ;({ cursor, more } = page)
    }
    t.ok(Math.max(...sizes) <= limit, `${limit}: ${sizes.join()}`)
    t.strictSame([...new Set(seen)].sort(), [...idsOf(tokens), ...idsOf(sessions)].sort())
    t.strictSame(seen.filter((id) => id.includes('~')).sort(), idsOf(sessions).sort(), 'each session once')
    t.strictSame([sizes.length, reads], [pages, calls])
  }
})

t.test('readRevocations() reads the log of a shard with the name of an inherited member', async (t) => {
  const store = shardedStore({ constructor: memoryStore(), b: memoryStore() })
  const entry = { kind: 'token', id: 'i t', until: Date.now() + hourMs } as const
  await store.appendRevocations([entry], ending)
  const { entries, cursor, unread } = await store.readRevocations(null, 100)
  t.strictSame({ entries, unread }, { entries: [entry], unread: undefined })
  t.match(await store.readRevocations(cursor, 100), { entries: [], resumed: true, unread: undefined })
})

t.test('readRevocations() rejects if no shard can be read', async (t) => {
  const { store: a, state } = faulty('readRevocations')
  state.isFaulty = true
  await t.rejects(shardedStore([a]).readRevocations(null, 10), { message: `shard "0": ${databaseMessage}` })
})

t.test('readRevocations() names the shards whose log lost its place', async (t) => {
  const clock = createClock()
  const a = memoryStore({ clock })
  const { cursor } = await shardedStore({ a, b: memoryStore({ clock }) }).readRevocations(null, 10)
  const store = shardedStore({ a, b: memoryStore({ clock }) })
  await store.appendRevocations([{ kind: 'token', id: 'i t', until: epoch + hourMs }], ending)
  const page = await store.readRevocations(JSON.stringify({ ...JSON.parse(cursor), b: '7.nonce' }), 10)
  t.strictSame([page.resumed, page.lost], [false, ['b']])
  for (const text of ['', 'null', '[]', '{"a":1}', '{"a":1,"b":null}', '1.x']) {
    t.strictSame((await store.readRevocations(text, 10)).lost, ['a', 'b'], text)
  }
})

t.test('appendRevocations() writes a session to its shard, and a token to all of them', async (t) => {
  const { store, a, b } = await createStore(t)
  const { row } = await start(store, subjectOf(store, 'b'))
  const until = epoch + hourMs
  const entries = [
    { kind: 'session', id: row.id, until },
    { kind: 'token', id: 'i t', until },
    { kind: 'session', id: 'A'.repeat(22), until },
    { kind: 'session', id: `c~${'A'.repeat(22)}`, until }
  ] as const
  await store.appendRevocations(entries, ending)
  t.strictSame(idsOf(await logOf(a)), idsOf(entries.slice(1)))
  t.strictSame(idsOf(await logOf(b)), idsOf(entries))
  t.strictSame(idsOf(await logOf(store)).sort(), idsOf(entries).sort(), 'each is read once')
})

t.test('appendRevocations() rejects if a shard is down, after the others have written', async (t) => {
  const { store: a, state } = faulty('appendRevocations')
  const b = memoryStore()
  const store = shardedStore({ a, b })
  state.isFaulty = true
  const entry = { kind: 'token', id: 'i t', until: Date.now() + hourMs } as const
  await t.rejects(store.appendRevocations([entry], ending), { message: `shard "a": ${databaseMessage}` })
  t.strictSame(idsOf(await logOf(b)), ['i t'])
})

t.test('all times are by the clock of the first shard', async (t) => {
  freezeMonotonic(t)
  const at = Date.now()
  const [a, b] = [memoryStore({ clock: () => at }), memoryStore({ clock: () => at + hourMs })]
  const store = shardedStore({ a, b })
  await store.prepare!()
  const sub = subjectOf(store, 'b')
  const { row, storeTime } = await start(store, sub)
  t.strictSame([storeTime, row.createdAt, row.rotatedAt, row.idleExpiresAt], [at, at, at, at + hourMs])
  t.equal((await b.find(row.id)).row?.createdAt, at + hourMs)
  const { row: counted } = await store.countRetry(row.id, {
    generation: 0,
    retries: [],
    keepRetries: [],
    idleMs: hourMs,
    accessLifetimeSeconds: 600
  })
  t.strictSame(counted?.retries, [at])
  const { revoked } = await store.revoke(row.id, ending)
  t.equal(revoked?.until, at + 660_000)
  t.strictSame(await logOf(store), [{ kind: 'session', id: row.id, until: at + 660_000 }])
})

t.test('prepare() names each store, and refuses one that has another name', async (t) => {
  const [a, b] = [memoryStore(), memoryStore()]
  await shardedStore([a, b]).prepare!()
  await t.resolves(shardedStore([a, b, memoryStore()]).prepare!())
  const exchanged = shardedStore([b, a])
  await t.rejects(
    exchanged.prepare!(),
    new UnusableStoreError('shard "0": the store is the shard "1" already, and must keep that name: received "0"')
  )
  const twice = shardedStore({ a: memoryStore(), b: { ...a } })
  await t.rejects(twice.prepare!(), { name: 'UnusableStoreError' })
})

t.test('prepare() does not wait for a shard that is down, and prepares it later', async (t) => {
  const { store: a, state } = faulty('find')
  state.isFaulty = true
  const store = shardedStore({ a, b: memoryStore() })
  t.teardown(() => store.close())
  await t.resolves(store.prepare!())
  const sub = subjectOf(store, 'b')
  await t.resolves(start(store, sub))
  const alone = shardedStore([a])
  await t.rejects(alone.prepare!(), { message: `shard "0": ${databaseMessage}` })
})

t.test('subscribe() passes what each shard pushes, by the common clock, and hears all or none', async (t) => {
  freezeMonotonic(t)
  const at = Date.now()
  const listeners: Record<string, Parameters<NonNullable<SessionStore['subscribe']>>[0]> = {}
  const pushing = (name: string, ahead: number): SessionStore => ({
    ...memoryStore({ clock: () => at + ahead }),
    async subscribe(listener) {
      listeners[name] = listener
    }
  })
  const store = shardedStore({ a: pushing('a', 0), b: pushing('b', hourMs) })
  await store.prepare!()
  const heard: unknown[] = []
  await store.subscribe!({
    wake: () => heard.push('wake'),
    revoked: (entries) => heard.push(entries),
    heartbeat: () => heard.push('heartbeat')
  })
  listeners.a!.wake()
  listeners.b!.revoked([{ kind: 'token', id: 'i t', until: at + 2 * hourMs }])
  for (const name of ['a', 'a', 'b', 'b', 'b', 'a']) listeners[name]!.heartbeat()
  t.strictSame(heard, ['wake', [{ kind: 'token', id: 'i t', until: at + hourMs }], 'heartbeat', 'heartbeat'])
  t.equal(shardedStore([memoryStore()]).subscribe, undefined)
})

t.test('subscribe() wakes for what a shard pushes while its clock cannot be converted', async (t) => {
  const { store: a, state } = faulty('find')
  state.isFaulty = true
  let push: Parameters<NonNullable<SessionStore['subscribe']>>[0]['revoked'] | undefined
  const b: SessionStore = {
    ...memoryStore({ clock: () => Date.now() - 2 * hourMs }),
    async subscribe(listener) {
      push = listener.revoked
    }
  }
  const store = shardedStore({ a, b })
  t.teardown(() => store.close())
  await store.prepare!()
  const heard: unknown[] = []
  await store.subscribe!({
    wake: () => heard.push('wake'),
    revoked: () => heard.push('revoked'),
    heartbeat: () => {}
  })
  const entry = { kind: 'token', id: 'i t', until: Date.now() - hourMs } as const
  push!([entry])
  state.isFaulty = false
  // From now on, the clock of the first shard is the common one, and by that the entry seems to have expired.
  await store.find(`a~${'A'.repeat(22)}`)
  push!([entry])
  await store.find(`b~${'A'.repeat(22)}`)
  push!([entry])
  t.strictSame(heard, ['revoked', 'wake', 'revoked'])
})

t.test(
  'subscribe() rejects with the name of a shard that does not respond, and passes on what others push',
  async (t) => {
    mock.timers.enable({ apis: ['setTimeout'] })
    t.teardown(() => mock.timers.reset())
    let push = () => {}
    const a: SessionStore = {
      ...memoryStore(),
      async subscribe(listener) {
        push = () => listener.wake()
      }
    }
    const b: SessionStore = { ...memoryStore(), subscribe: () => new Promise(() => {}) }
    let woken = 0
    const subscribing = shardedStore({ a, b }).subscribe!({ wake: () => woken++, revoked() {}, heartbeat() {} })
    mock.timers.tick(1200)
    await t.rejects(subscribing, { message: 'shard "b": subscribe() did not resolve within 1200 ms' })
    push()
    t.equal(woken, 1)
  }
)

t.test('subscribe() rejects if one of the shards cannot subscribe, and says which', async (t) => {
  const pushing = (subscribe: () => Promise<void>): SessionStore => ({ ...memoryStore(), subscribe })
  const store = shardedStore({
    a: pushing(async () => {}),
    b: pushing(async () => {
      throw new Error('NOPERM')
    })
  })
  await t.rejects(store.subscribe!({ wake() {}, revoked() {}, heartbeat() {} }), { message: 'shard "b": NOPERM' })
})

t.test('sweep() returns what all shards have removed', async (t) => {
  const removing = (count: number): SessionStore => ({ ...memoryStore(), sweep: async () => count })
  t.equal(await shardedStore([removing(2), removing(3)]).sweep(), 5)
})

t.test('close() ends the calls for a shard that is down', async (t) => {
  const { store: a, state } = faulty('find')
  state.isFaulty = true
  const store = shardedStore({ a, b: memoryStore() })
  await store.prepare!()
  const aborted = t.capture(AbortController.prototype, 'abort')
  await store.close()
  t.equal(aborted().length, 1)
})

t.test('sweep() and close() reach every shard, also after one has failed', async (t) => {
  for (const method of ['sweep', 'close'] as const) {
    const reached: string[] = []
    const shard = (name: string, fails: boolean): SessionStore => ({
      ...memoryStore(),
      async [method]() {
        reached.push(name)
        if (fails) throw new Error('away')
        return 2
      }
    })
    const store = shardedStore({ a: shard('a', true), b: shard('b', false) })
    const call: Promise<unknown> = store[method]()
    await t.rejects(call, {
      message: 'shard "a": away'
    })
    t.strictSame(reached, ['a', 'b'])
  }
})
