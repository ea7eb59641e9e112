import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { PendingRevocations } from '../../plugin/sessions/pending-revocations.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { shardedStore } from '../../plugin/stores/sharded.ts'
import type { Revocation } from '../../plugin/stores/session-store.ts'
import { createClock, epoch, issuer } from '../fixtures/app.ts'
import {
  inserting,
  lifetimeSeconds,
  logOf,
  replaceable,
  revokedEvent,
  row,
  serving,
  session
} from '../fixtures/revocations.ts'

t.test('poll() writes a lost sign-out again even if this node has never read it from the log', async (t) => {
  const clock = createClock()
  const { store, replace } = replaceable(clock)
  const node = await serving({ clock, store })
  await store.insert(row('s'), inserting)
  const { revoked } = await store.revoke('s', { lifetimeSeconds })
  node.revocations.record({ kind: 'session', id: 's', until: revoked!.until })
  replace()
  await store.insert(row('s'), inserting)
  await node.poll()
  t.equal((await store.find('s')).row?.revokedAt, clock(), 'the row that the replica had kept live is revoked')
  t.strictSame(await logOf(store), [{ kind: 'session', id: 's', until: revoked!.until }])
})

t.test('poll() writes all entries that the log has lost, also if it takes long to find them', async (t) => {
  const node = await serving()
  const entries = Array.from({ length: 100 }, (_, index) => session(`${index}`))
  for (const entry of entries) node.revocations.record(entry)
  // An entry takes a millisecond: a slice is 10 entries.
  let ms = 0
  t.intercept(performance, 'now', { value: () => ms++ })
  await node.poll()
  t.strictSame(await logOf(node.memory), entries)
})

t.test('poll() writes a revocation again that the store has lost while its log continues', async (t) => {
  const clock = createClock()
  const memory = memoryStore({ clock })
  const forgotten = new Set(['s'])
  const writes: string[] = []
  const node = await serving({
    clock,
    store: memory,
    methods: () => ({
      async appendRevocations(entries, options) {
        writes.push(...entries.map(({ id }) => id))
        return await memory.appendRevocations(
          entries.filter(({ id }) => !forgotten.delete(id)),
          options
        )
      }
    })
  })
  await node.revocations.revokeEverywhere([session('s')])
  await node.revocations.revokeEverywhere([session('seen')])
  writes.length = 0
  await node.poll()
  await node.poll()
  t.strictSame(writes, ['s'], 'an entry that was read is not written again')
  await node.poll()
  await node.poll()
  t.strictSame(writes, ['s'], 'nothing is written repeatedly')
})

t.test('poll() keeps writing until everything is written, whatever fails meanwhile', async (t) => {
  const clock = createClock()
  const { store, replace } = replaceable(clock)
  const entries = Array.from({ length: 2500 }, (_, index) => session(`s${index}`))
  let failures = 0
  const node = await serving({
    clock,
    store,
    methods: (inner) => ({
      async appendRevocations(batch, options) {
        if (failures > 0) {
          failures--
          throw new Error('down')
        }
        return await inner.appendRevocations(batch, options)
      }
    })
  })
  await store.appendRevocations(entries, { lifetimeSeconds })
  await node.poll()
  replace()
  failures = 1
  await node.poll()
  t.equal((await logOf(store)).length, 0)
  failures = 0
  const append = store.appendRevocations
  let batches = 0
  Object.assign(store, {
    appendRevocations: async (batch: readonly Revocation[], options: { lifetimeSeconds: number }) => {
      if (++batches === 2) throw new Error('down')
      return await append(batch, options)
    }
  })
  await node.poll()
  t.equal((await logOf(store)).length, 1000)
  for (let turn = 0; turn < 3; turn++) await node.poll()
  t.strictSame((await logOf(store)).map(({ id }) => id).sort(), entries.map(({ id }) => id).sort())
})

t.test('poll() keeps reading while a write is running, and the log is not stale', async (t) => {
  const clock = createClock()
  const memory = memoryStore({ clock })
  let release = () => {}
  const node = await serving({
    clock,
    store: memory,
    methods: () => ({
      appendRevocations: () =>
        new Promise((resolve) => {
          release = () => resolve({ storeTime: clock() })
        })
    })
  })
  node.revocations.revokeLocally(session('mine'))
  await node.poll()
  await memory.appendRevocations([session('theirs')], { lifetimeSeconds })
  await node.poll()
  t.equal(await node.accepts({ sid: 'theirs' }), 'AUTH_REVOKED_TOKEN', 'although the write has not returned')
  node.time.advance(31)
  await node.poll()
  t.strictSame(
    node.events().filter(({ type }) => type.startsWith('feed')),
    [],
    'a log that is read is not stale'
  )
  release()
})

/** A node, and the ids that it has tried to write to the log; `before` runs before each write. */
async function servingWithWrites(before = async () => {}) {
  const writes: string[] = []
  const node = await serving({
    methods: (memory) => ({
      async appendRevocations(entries, options) {
        writes.push(...entries.map(({ id }) => id))
        await before()
        return await memory.appendRevocations(entries, options)
      }
    })
  })
  return { node, writes }
}

t.test('poll() does not write an entry that it has read from the log', async (t) => {
  const { node, writes } = await servingWithWrites()
  await node.memory.appendRevocations([session('s')], { lifetimeSeconds })
  await node.poll()
  node.revocations.record(session('s'))
  node.revocations.revokeLocally(session('s', epoch + 1000))
  for (let turn = 0; turn < 4; turn++) await node.poll()
  t.strictSame(writes, [])
})

t.test('revokeLocally() is written once, as soon as the store responds', async (t) => {
  let down = true
  const { node, writes } = await servingWithWrites(async () => {
    if (down) throw new Error('down')
  })
  node.revocations.revokeLocally(session('s'))
  t.equal(await node.accepts({ sid: 's' }), 'AUTH_REVOKED_TOKEN')
  t.strictSame(node.events(), [revokedEvent('s', { here: true })])
  await node.poll()
  down = false
  await node.poll()
  for (let turn = 0; turn < 3; turn++) await node.poll()
  t.strictSame(writes, ['s', 's'])
  t.strictSame(await logOf(node.memory), [session('s')])
})

t.test('revokeLocally() writes a later `until`, whether the earlier one is logged or queued', async (t) => {
  for (const isLogged of [true, false]) {
    const node = await serving()
    const shorter = session('s', epoch + 10_000)
    if (isLogged) await node.memory.appendRevocations([shorter], { lifetimeSeconds })
    else node.revocations.revokeLocally(shorter)
    if (isLogged) await node.poll()
    node.revocations.revokeLocally(session('s'))
    node.revocations.revokeLocally(shorter)
    await node.poll()
    t.equal(
      (await logOf(node.memory)).find(({ id }) => id === 's')?.until,
      epoch + 100_000,
      isLogged ? 'logged' : 'not logged'
    )
  }
})

t.test('revokeEverywhere() has written an entry when it resolves: close() does not write it again', async (t) => {
  const { node, writes } = await servingWithWrites()
  await node.revocations.revokeEverywhere([session('a'), session('b')])
  t.strictSame(writes, ['a', 'b'])
  await node.revocations.close()
  t.strictSame(writes, ['a', 'b'])
  t.strictSame(await logOf(node.memory), [session('a'), session('b')])
})

t.test('close() tries once more to write what is queued, and waits for the store', async (t) => {
  const { node } = await servingWithWrites(async () => await setImmediate())
  node.revocations.revokeLocally(session('s'))
  await node.revocations.close()
  t.strictSame(await logOf(node.memory), [session('s')])
})

t.test('close() waits for the read that is running, and writes what it does not show', async (t) => {
  let release = () => {}
  let isHeld = false
  const node = await serving({
    methods: (memory) => ({
      async readRevocations(...args) {
        if (isHeld) {
          await new Promise<void>((resolve) => {
            release = resolve
          })
        }
        return await memory.readRevocations(...args)
      }
    })
  })
  isHeld = true
  node.revocations.record(session('lost'))
  const poll = node.revocations.reads.poll()
  let isClosed = false
  const closed = node.revocations.close().then(() => {
    isClosed = true
  })
  await setImmediate()
  t.equal(isClosed, false)
  release()
  await closed
  t.strictSame(await logOf(node.memory), [session('lost')])
  await poll
})

t.test('close() writes again after a running write has failed', async (t) => {
  let fail: ((error: Error) => void) | null = null
  const node = await serving({
    methods: (memory) => ({
      async appendRevocations(...args) {
        if (fail === null) {
          await new Promise((_resolve, reject) => {
            fail = reject
          })
        }
        return await memory.appendRevocations(...args)
      }
    })
  })
  node.revocations.revokeLocally(session('s'))
  await node.poll()
  const closed = node.revocations.close()
  fail!(new Error('connection reset'))
  await closed
  t.strictSame(await logOf(node.memory), [session('s')])
})

t.test('poll() writes to a shard that was down what it has read from the log of another', async (t) => {
  t.intercept(performance, 'now', { value: () => 1000, configurable: true })
  const clock = createClock()
  const [a, b] = [memoryStore({ clock }), memoryStore({ clock })]
  let isDown = true
  let writes = 0
  const failing: typeof a = {
    ...a,
    async appendRevocations(...args) {
      writes++
      if (isDown) throw new Error('ECONNREFUSED')
      return await a.appendRevocations(...args)
    }
  }
  const node = await serving({ clock, store: shardedStore({ a: failing, b }) })
  const entry = { kind: 'token', id: `${issuer} t`, until: epoch + 100_000 } as const
  await t.rejects(node.revocations.revokeEverywhere([entry]), { code: 'AUTH_STORE_UNAVAILABLE' })
  await node.poll()
  t.strictSame([await logOf(a), await logOf(b)], [[], [entry]])
  isDown = false
  await node.poll()
  t.strictSame(await logOf(a), [entry], 'a node that can read this shard alone knows the entry')
  writes = 0
  await node.poll()
  await node.poll()
  t.equal(writes, 0, 'nothing is written repeatedly')
})

t.test('poll() stops writing after one more write, if all shards had the entry although a write failed', async (t) => {
  t.intercept(performance, 'now', { value: () => 1000, configurable: true })
  const clock = createClock()
  const [a, b] = [memoryStore({ clock }), memoryStore({ clock })]
  let writes = 0
  const interrupted: typeof a = {
    ...a,
    async appendRevocations(...args) {
      const written = await a.appendRevocations(...args)
      if (writes++ === 0) throw new Error('ECONNRESET')
      return written
    }
  }
  const node = await serving({ clock, store: shardedStore({ a: interrupted, b }) })
  await t.rejects(node.revocations.revokeEverywhere([{ kind: 'token', id: `${issuer} t`, until: epoch + 100_000 }]))
  for (let polls = 0; polls < 4; polls++) await node.poll()
  t.equal(writes, 2)
})

t.test('poll() does not write a log again after a failover to a shard whose clock differs a little', async (t) => {
  const clock = createClock()
  t.intercept(performance, 'now', { value: () => 1000, configurable: true })
  const [primary, replica] = [memoryStore({ clock }), memoryStore({ clock: () => clock() + 20 })]
  const [known, lost] = ['k', 'l'].map((letter) => session(`b~${letter.repeat(22)}`))
  await primary.appendRevocations([known!, lost!], { lifetimeSeconds })
  await replica.appendRevocations([known!], { lifetimeSeconds })
  let current = primary
  const written: string[] = []
  const b: typeof primary = {
    ...primary,
    find: (id) => current.find(id),
    readRevocations: (cursor, limit) => current.readRevocations(cursor, limit),
    async appendRevocations(entries, options) {
      written.push(...entries.map(({ id }) => id))
      return await current.appendRevocations(entries, options)
    }
  }
  const node = await serving({ clock, store: shardedStore({ a: memoryStore({ clock }), b }) })
  current = replica
  await node.poll()
  await node.poll()
  t.strictSame(written, [lost!.id])
})

/** Revocations whose writes are recorded: ids, with a plus for the later `until`. An id begins with its shard. */
function createPending({ shards, fails = () => false }: { shards?: string[]; fails?: (id: string) => boolean } = {}) {
  const written: string[][] = []
  const state = { reading: 1 }
  const pending = new PendingRevocations({
    async write(entries) {
      written.push(entries.map(({ id, until }) => (until === later.until ? `${id}+` : id)))
      if (entries.some(({ id }) => fails(id))) throw new Error('down')
    },
    reading: () => state.reading,
    shards: shards && { names: shards, of: (id) => id[0]! }
  })
  return {
    pending,
    /** What one more flush writes. */
    async flush() {
      await pending.flushQueue()
      return written.splice(0)
    },
    /** A read of the log reaches its end. */
    endReading(now = epoch) {
      for (const step of pending.endReading(now)) void step
    },
    beginReading() {
      state.reading++
    }
  }
}

const entry = session('s')
const later = session('s', epoch + 200_000)

t.test('expect() queues an entry when a read that began later has not shown it', async (t) => {
  const { pending, flush, beginReading, endReading } = createPending()
  pending.expect(entry)
  endReading()
  t.strictSame(await flush(), [], 'this read may have begun before the write')
  beginReading()
  endReading()
  t.strictSame(await flush(), [['s']])
})

t.test('queue() writes an entry again although its write was confirmed', async (t) => {
  const { pending, flush } = createPending()
  pending.expect(entry)
  pending.queue(entry)
  t.strictSame(await flush(), [['s']])
})

t.test('endReading() drops what has expired', async (t) => {
  for (const [now, written] of [
    [entry.until - 1, [['s']]],
    [entry.until, []]
  ] as const) {
    const { pending, flush, endReading } = createPending()
    pending.queue(entry)
    endReading(now)
    t.strictSame(await flush(), written)
  }
})

t.test('remove() drops an entry that the log has shown, unless a later `until` is queued', async (t) => {
  for (const [queued, shown, written] of [
    [entry, entry, []],
    [entry, later, []],
    [later, entry, [['s+']]]
  ] as const) {
    const { pending, flush } = createPending()
    pending.queue(queued)
    pending.remove(shown)
    pending.remove(session('another'))
    t.strictSame(await flush(), written)
  }
})

t.test('remove() drops an entry of several shards when its write was confirmed', async (t) => {
  const { pending, flush, beginReading, endReading } = createPending({ shards: ['a', 's'] })
  pending.expect(entry)
  pending.remove(entry)
  beginReading()
  endReading()
  t.strictSame(await flush(), [])
})

t.test('flushQueue() writes an entry once that one shard has shown, however often it is queued', async (t) => {
  const { pending, flush, beginReading, endReading } = createPending({ shards: ['a', 's'] })
  pending.queue(entry)
  pending.remove(entry)
  pending.queue(entry)
  t.strictSame(await flush(), [['s']])
  beginReading()
  endReading()
  t.strictSame(await flush(), [])
})

t.test('flushQueue() writes a later `until` that was queued during the write of an earlier one', async (t) => {
  const { pending, flush } = createPending()
  pending.queue(entry)
  const flushing = flush()
  pending.queue(later)
  t.strictSame(await flushing, [['s'], ['s+']])
})

t.test('flushQueue() shares one run among concurrent calls', async (t) => {
  const { pending, flush } = createPending()
  pending.queue(entry)
  const run = pending.flushQueue()
  t.equal(pending.flushQueue(), run)
  t.equal(pending.flushing, run)
  t.strictSame(await flush(), [['s']])
  t.equal(pending.flushing, null)
})

t.test('flushQueue() writes a batch for each shard, and one for tokens', async (t) => {
  const { pending, flush } = createPending({ shards: ['a', 'b'], fails: (id) => id.startsWith('a') })
  for (const id of ['a1', 'b1', 'a2', 'b2']) pending.queue(session(id))
  for (const id of ['a token', 'b token']) pending.queue({ kind: 'token', id, until: entry.until })
  pending.queue(session('a3'))
  t.strictSame(await flush(), [
    ['a1', 'a2', 'a3'],
    ['b1', 'b2'],
    ['a token', 'b token']
  ])
  t.strictSame(
    await flush(),
    [
      ['a1', 'a2', 'a3'],
      ['a token', 'b token']
    ],
    'what has failed'
  )
})
