import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { createClock, epoch, issuer } from '../fixtures/app.ts'
import {
  createNode,
  inserting,
  lifetimeSeconds,
  logOf,
  replaceable,
  row,
  serving,
  session
} from '../fixtures/revocations.ts'

t.test('poll() rereads a log that does not resume, and appends what the log has lost', async (t) => {
  const clock = createClock()
  const { store, replace } = replaceable(clock)
  const { accepts, poll } = await serving({ clock, store })
  replace()
  await store.appendRevocations(
    [
      session('kept'),
      session('lost', epoch + 50_000),
      session('past', epoch + 10),
      { kind: 'token', id: `${issuer} j`, until: epoch + 70_000 }
    ],
    { lifetimeSeconds }
  )
  await poll()
  clock.advance(1)

  replace()
  await store.insert(row('lost'), inserting)
  await store.appendRevocations([session('kept'), session('theirs')], { lifetimeSeconds })
  await poll()
  t.strictSame(await Promise.all(['kept', 'lost', 'theirs', 'past'].map((sid) => accepts({ sid }))), [
    'AUTH_REVOKED_TOKEN',
    'AUTH_REVOKED_TOKEN',
    'AUTH_REVOKED_TOKEN',
    true
  ])
  t.strictSame(
    (await logOf(store)).map(({ kind, id, until }) => [kind, id, until]),
    [
      ['session', 'kept', epoch + 100_000],
      ['session', 'theirs', epoch + 100_000],
      ['session', 'lost', epoch + 661_000],
      ['token', `${issuer} j`, epoch + 70_000]
    ],
    'an expired entry is not written again'
  )
  t.equal((await store.find('lost')).row?.revokedAt, clock(), 'a session that was revived is revoked again')
})

for (const failing of [2, 3]) {
  t.test(
    `poll() continues to reread after a failure at page ${failing}, and then appends what the log has lost`,
    async (t) => {
      const clock = createClock()
      const { store, replace } = replaceable(clock)
      let pages = Infinity
      const { poll } = await serving({
        clock,
        store,
        methods: ({ readRevocations }) => ({
          async readRevocations(cursor, limit) {
            if (--pages === 0) throw new Error('the failover is not over')
            return await readRevocations(cursor, limit)
          }
        })
      })
      await store.appendRevocations([session('lost', epoch + 50_000)], { lifetimeSeconds })
      await poll()

      replace()
      await store.appendRevocations(
        Array.from({ length: 2500 }, (_, index) => session(`kept ${index}`)),
        { lifetimeSeconds }
      )
      pages = failing
      await poll()
      t.equal((await logOf(store)).length, 2500, 'not read to its end')
      await poll()
      t.strictSame((await logOf(store)).slice(2500), [session('lost', epoch + 50_000)])
    }
  )
}

t.test('poll() restores a lost log even if its sessions are still revoked', async (t) => {
  const clock = createClock()
  const memory = memoryStore({ clock })
  await memory.insert(row('s'), inserting)
  const { revoked } = await memory.revoke('s', { lifetimeSeconds })
  let log = memory
  const node = await serving({
    clock,
    store: memory,
    methods: () => ({
      readRevocations: (...args) => log.readRevocations(...args),
      appendRevocations: (...args) => log.appendRevocations(...args)
    })
  })
  log = memoryStore({ clock })
  await node.poll()
  t.strictSame(
    await logOf(log),
    [{ kind: 'session', id: 's', until: revoked!.until }],
    'a node that starts now refuses its tokens'
  )
})

t.test('poll() lets requests be handled between two pages, also if the store responds without a pause', async (t) => {
  const turns: number[] = []
  let turn = 0
  const node = createNode({
    methods: (memory) => ({
      async readRevocations(cursor, limit) {
        turns.push(turn)
        return await memory.readRevocations(cursor, limit)
      }
    })
  })
  const entries = Array.from({ length: 5000 }, (_, index) => session(`${index}`))
  await node.memory.appendRevocations(entries, { lifetimeSeconds })
  const state = { isDone: false }
  async function countTurns() {
    for (; !state.isDone; turn++) await setImmediate()
  }
  const counting = countTurns()
  await node.revocations.reads.poll()
  state.isDone = true
  await counting
  t.strictSame(turns, [0, 1, 2, 3, 4])
})

t.test('poll() removes expired entries in slices, and lets requests be handled meanwhile', async (t) => {
  const node = await serving()
  const entries = Array.from({ length: 100 }, (_, index) => session(`${index}`, epoch + 1000))
  await node.memory.appendRevocations(entries, { lifetimeSeconds })
  await node.poll()
  node.clock.advance(2)
  node.time.advance(60)
  // An entry takes a millisecond: a slice is 10 entries.
  let ms = 0
  t.intercept(performance, 'now', { value: () => ms++ })
  const left = () => entries.filter(({ id }) => node.revocations.isSessionRevoked(id)).length
  await node.revocations.reads.poll()
  const counts = [left()]
  for (; counts.at(-1)! > 0; counts.push(left())) await setImmediate()
  t.strictSame(counts, [90, 80, 70, 60, 50, 40, 30, 20, 10, 0])
})

t.test('poll() looks for what a log has lost in slices, and lets requests be handled meanwhile', async (t) => {
  const clock = createClock()
  const { store, replace } = replaceable(clock)
  const node = await serving({ clock, store })
  const entries = Array.from({ length: 100 }, (_, index) => session(`${index}`))
  await store.appendRevocations(entries, { lifetimeSeconds })
  await node.poll()
  replace()
  // An entry takes a millisecond: a slice is 10 entries.
  let ms = 0
  t.intercept(performance, 'now', { value: () => ms++ })
  let turns = 0
  const state = { isDone: false }
  async function countTurns() {
    for (; !state.isDone; turns++) await setImmediate()
  }
  const counting = countTurns()
  await node.revocations.reads.poll()
  state.isDone = true
  await counting
  t.equal(turns, 21, 'ten to compare the list, ten to end the reading')
  t.strictSame(await logOf(store), entries)
})
