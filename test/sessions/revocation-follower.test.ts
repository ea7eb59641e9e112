import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { RevocationFollower } from '../../plugin/sessions/revocation-follower.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import type { Revocation, RevocationPage } from '../../plugin/stores/session-store.ts'
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

/** Reads the log, and calls back in each turn of the event loop meanwhile. */
async function poll({ revocations }: ReturnType<typeof createNode>, { onTurn }: { onTurn: () => void }) {
  const state = { isDone: false }
  async function countTurns() {
    for (; !state.isDone; onTurn()) await setImmediate()
  }
  const counting = countTurns()
  await revocations.reads.poll()
  state.isDone = true
  await counting
}

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
  await poll(node, { onTurn: () => turn++ })
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
  await poll(node, { onTurn: () => turns++ })
  t.equal(turns, 21, 'ten to compare the list, ten to end the reading')
  t.strictSame(await logOf(store), entries)
})

/** A follower of a log that the test gives page by page; an error is a page that cannot be read. */
function createFollower(shards?: string[]) {
  const pages: (Partial<RevocationPage> | Error)[] = []
  const cursors: (string | null)[] = []
  const reread: ((entry: Revocation) => boolean)[] = []
  const follower = new RevocationFollower({
    store: {
      async readRevocations(cursor) {
        cursors.push(cursor)
        const page = pages.shift()!
        if (page instanceof Error) throw page
        return { entries: [], cursor: `after ${cursors.length}`, more: false, resumed: true, storeTime: epoch, ...page }
      }
    },
    shards: shards && { names: shards, of: (id) => id[0]! },
    onEntries() {},
    async onReread(isLogged) {
      reread.push(isLogged)
    }
  })
  return {
    cursors,
    reading: () => follower.reading,
    async read(...next: (Partial<RevocationPage> | Error)[]) {
      pages.push(...next)
      return await follower.read()
    },
    /** Whether the log is said to hold these entries. `null` if it has not lost its place. */
    logged(...entries: Revocation[]) {
      const isLogged = reread.shift()
      return isLogged === undefined ? null : entries.map(isLogged)
    }
  }
}

const down = new Error('down')
const until = epoch + 100_000
const ofToken: Revocation = { kind: 'token', id: 'of no shard', until }

t.test('read() says what a log that lost its place holds: entries that last as long as they should', async (t) => {
  const rows: [shards: string[] | undefined, shortestMs: number][] = [
    [undefined, 0],
    [['a', 'b'], 1000]
  ]
  for (const [shards, shortestMs] of rows) {
    const { read, logged } = createFollower(shards)
    await read({ resumed: false, entries: [session('a1', until - shortestMs), session('a2', until - shortestMs - 1)] })
    t.strictSame(logged(session('a1'), session('a2'), session('a3'), ofToken), [true, false, false, false])
    await read({ entries: [session('a3')] })
    t.equal(logged(), null, 'it has not lost its place again')
  }
})

t.test('read() assumes that the logs of shards that have kept their place lack nothing', async (t) => {
  const rows: [name: string, reads: (Partial<RevocationPage> | Error)[][], logged: boolean[]][] = [
    ['one shard', [[{ resumed: false, lost: ['a'] }]], [false, true, false]],
    ['both', [[{ resumed: false, lost: ['a', 'b'] }]], [false, false, false]],
    [
      'one after the other',
      [
        [
          { resumed: false, lost: ['a'], more: true },
          { resumed: false, lost: ['b'] }
        ]
      ],
      [false, false, false]
    ],
    ['the whole log', [[{ resumed: false }]], [false, false, false]],
    [
      'the whole log, then one shard',
      [
        [
          { resumed: false, more: true },
          { resumed: false, lost: ['b'] }
        ]
      ],
      [false, false, false]
    ],
    [
      'one shard, then the whole log',
      [[{ resumed: false, lost: ['b'], more: true }, { resumed: false }]],
      [false, false, false]
    ],
    [
      'one shard in a read that failed',
      [[{ resumed: false, lost: ['a'], more: true }, down], [{}]],
      [false, true, false]
    ],
    [
      'one shard after the whole log was read',
      [[{ resumed: false }], [{ resumed: false, lost: ['a'] }]],
      [false, true, false]
    ],
    [
      'one shard after another was read',
      [[{ resumed: false, lost: ['b'] }], [{ resumed: false, lost: ['a'] }]],
      [false, true, false]
    ]
  ]
  for (const [name, reads, expected] of rows) {
    const { read, logged } = createFollower(['a', 'b'])
    let found: boolean[] | null = null
    for (const pages of reads) {
      await read(...pages).catch(() => {})
      found = logged(session('a1'), session('b1'), ofToken)
    }
    t.strictSame(found, expected, name)
  }
})

t.test('reading counts a read as soon as it begins', async (t) => {
  const { read, reading } = createFollower()
  const before = reading()
  const running = read({ more: true }, {})
  t.equal(reading(), before + 1)
  await running
  t.equal(reading(), before + 1)
})

t.test('read() resolves to the shards that no page could read, and continues at its cursor', async (t) => {
  const { read, cursors } = createFollower(['a', 'b'])
  t.strictSame(await read({ unread: ['b'], more: true }, {}), ['b'])
  t.strictSame(await read({ unread: ['a', 'b'], more: true }, { unread: ['b'] }), ['a', 'b'])
  t.strictSame(await read({}), [])
  await t.rejects(read({ more: true }, down), down)
  t.strictSame(await read({}), [])
  t.strictSame(cursors, [null, ...[1, 2, 3, 4, 5, 6].map((page) => `after ${page}`), 'after 6'])
})
