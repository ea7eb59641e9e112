import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { storeContract } from '../plugin/stores/contract.ts'
import type { OpenStore } from '../plugin/stores/contract.ts'
import { memoryStore } from '../plugin/stores/memory.ts'
import { sqliteStore } from '../plugin/stores/sqlite.ts'
import type { NewSession, SessionRow, SessionStore, Write } from '../plugin/stores/store.ts'
import { DatabaseSync } from './fixtures/sqlite.ts'

const directory = t.testdir()
let files = 0
const newFile = () => join(directory, `${++files}.db`)
const newSession = (given: Partial<NewSession> = {}): NewSession => ({
  id: 'session', sub: 'user', salt: 'salt', device: null, scope: null, claims: {}, accessLifetimeSeconds: 10, idleMs: 100, absoluteMs: 250, ...given
})
const ending = { lifetimeSeconds: 10 }
const inserting = { end: [], ...ending }
const rotation = { from: 0, to: 1, minAgeMs: 0, idleMs: 100 }
/** Until when a session matters that was ended at 0. */
const endedMs = 10_000 + 60_000

async function openMemory (): Promise<OpenStore> {
  return { store: memoryStore(), async close () {} }
}

async function openSqlite (): Promise<OpenStore> {
  const file = newFile()
  const databases: InstanceType<typeof DatabaseSync>[] = []
  const connect = () => {
    const database = new DatabaseSync(file)
    databases.push(database)
    return sqliteStore(database)
  }
  return {
    store: connect(),
    another: async () => connect(),
    async close () { for (const database of databases) database.close() }
  }
}

for (const [name, open] of Object.entries({ memoryStore: openMemory, sqliteStore: openSqlite })) {
  t.test(`${name}() keeps the contract`, async (t) => {
    for (const { name, run } of storeContract(open)) await t.resolves(run(), name)
  })
}

// What depends on exact times cannot be in the contract: real databases have a clock of their own.
for (const [name, open] of Object.entries({
  memoryStore: (clock: () => number) => memoryStore({ clock }),
  sqliteStore: (clock: () => number) => sqliteStore(new DatabaseSync(newFile()), { clock })
})) {
  const told = ({ applied, row }: Write) => [applied, row?.generation, row?.rotatedAt, row?.idleExpiresAt, row?.retries.join()]
  const live = (rows: readonly SessionRow[]) => rows.map(({ id }) => id).join()
  const rotate = (from: number, minAgeMs = 0) => async (store: SessionStore) =>
    told(await store.rotate('session', { ...rotation, from, to: from + 1, minAgeMs }))
  const countRetry = (retries: number[], keep = retries) => async (store: SessionStore) =>
    told(await store.countRetry('session', { generation: 1, retries, keep, idleMs: 100 }))
  const insert = (given: Partial<NewSession>, authenticatedAt?: number) => async (store: SessionStore) =>
    (await store.insert(newSession(given), { ...inserting, authenticatedAt })).row?.createdAt
  const list = async (store: SessionStore) => live(await store.list('user'))
  const sweep = (store: SessionStore) => store.sweep()
  const feedIds = async (store: SessionStore) => (await store.readFeed(null, 10)).entries.map(({ id }) => id).join()
  type Step = [now: number, what: string, call: (store: SessionStore) => Promise<unknown>, expected: unknown]

  const stories: Record<string, Step[]> = {
    'rotate() and countRetry() by the clock, to the millisecond': [
      [1000, 'starts', insert({}), 1000],
      [1049, 'too young by 1 ms', rotate(0, 50), [false, 0, 1000, 1100, '']],
      [1050, 'old enough', rotate(0, 50), [true, 1, 1050, 1150, '']],
      [1149, 'lives for 1 ms more', list, 'session'],
      [1149, 'counts', countRetry([]), [true, 1, 1050, 1249, '1149']],
      [1200, 'counts again', countRetry([1149]), [true, 1, 1050, 1250, '1149,1200']],
      [1201, 'forgets one', countRetry([1149, 1200], [1200]), [true, 1, 1050, 1250, '1200,1201']],
      [1249, 'rotates', rotate(1), [true, 2, 1249, 1250, '1200,1201']],
      [1250, 'has reached its absolute expiry', rotate(2), [false, 2, 1249, 1250, '1200,1201']],
      [1250, 'is not listed', list, '']
    ],
    'rotate() works on when the clock was set back': [
      [1000, 'starts', insert({}), 1000],
      [990, 'too near', rotate(0, 11), [false, 0, 1000, 1100, '']],
      [990, 'far enough', rotate(0, 10), [true, 1, 990, 1090, '']],
      [980, 'at any distance', rotate(1, 0), [true, 2, 980, 1080, '']]
    ],
    'insert() with `authenticatedAt` by the clock, to the millisecond': [
      [2000, 'revokes all', (store) => store.revokeAll('user', ending), []],
      [1500, 'again, with the clock set back', (store) => store.revokeAll('user', ending), []],
      [2000, 'before', insert({}, 1999), undefined],
      [2000, 'what is no time is no proof', insert({}, NaN), undefined],
      [2000, 'at the same time', insert({}, 2000), 2000],
      [2000 + 86_399_999, 'remembered for a day', sweep, 1],
      [2000 + 86_399_999, 'before', insert({}, 1999), undefined],
      [2000 + 86_400_000, 'and no longer', sweep, 0],
      [2000 + 86_400_000, 'before', insert({}, 1999), 86_402_000]
    ],
    'sweep() by the clock, to the millisecond': [
      [0, 'starts', insert({}), 0],
      [0, 'starts another', insert({ id: 'ended' }), 0],
      [0, 'ends that', async (store) => (await store.revoke('ended', ending))?.until, endedMs],
      [0, 'feeds', (store) => store.feed([{ kind: 'token', id: 'newest', until: 1e6 }]), undefined],
      [99, 'too early', sweep, 0],
      [100, 'the expired one', sweep, 1],
      [endedMs - 1, 'too early', sweep, 0],
      [endedMs - 1, 'still fed', feedIds, 'ended,newest'],
      [endedMs - 1, 'still answered', async (store) => (await store.revoke('ended', ending))?.until, endedMs],
      [endedMs, 'the ended one', sweep, 1],
      [endedMs, 'no longer fed', feedIds, 'newest'],
      [endedMs, 'is gone', (store) => store.revoke('ended', ending), null]
    ]
  }
  for (const [title, steps] of Object.entries(stories)) {
    t.test(`${name}(): ${title}`, async (t) => {
      let now = 0
      const store = open(() => now)
      for (const [at, what, call, expected] of steps) {
        now = at
        t.strictSame(await call(store), expected, `${at}: ${what}`)
      }
    })
  }
}

t.test('list() keeps the order of insertion within a millisecond', async (t) => {
  for (const store of [memoryStore({ clock: () => 1 }), sqliteStore(new DatabaseSync(newFile()), { clock: () => 1 })]) {
    for (const id of ['b', 'c', 'a']) await store.insert(newSession({ id }), inserting)
    t.strictSame((await store.list('user')).map(({ id }) => id), ['b', 'c', 'a'])
  }
})

t.test('memoryStore() forgets nothing of a subject with another session when one is swept', async (t) => {
  let now = 0
  const store = memoryStore({ clock: () => now })
  await store.insert(newSession({ id: 'short' }), inserting)
  await store.insert(newSession({ id: 'long', idleMs: 200 }), inserting)
  now = 150
  t.equal(await store.sweep(), 1)
  t.strictSame((await store.list('user')).map(({ id }) => id), ['long'])
})

t.test('sqliteStore() sets what durability needs, and leaves the patience of the application', async (t) => {
  for (const [given, expected] of [[0, 1500], [70, 70]] as const) {
    const database = new DatabaseSync(newFile())
    database.exec(`PRAGMA busy_timeout = ${given}`)
    sqliteStore(database)
    const pragma = (name: string) => Object.values(database.prepare(`PRAGMA ${name}`).get() as object)[0]
    t.strictSame(['busy_timeout', 'journal_mode', 'synchronous'].map(pragma), [expected, 'wal', 2])
  }
})

t.test('sqliteStore() keeps everything when the file is opened again', async (t) => {
  const file = newFile()
  const first = new DatabaseSync(file)
  const before = sqliteStore(first)
  const { row } = await before.insert(newSession({ claims: { a: [1] }, idleMs: 1e9, absoluteMs: 1e9 }), inserting)
  await before.insert(newSession({ id: 'ended' }), inserting)
  const ended = await before.revoke('ended', ending)
  const { entries, cursor } = await before.readFeed(null, 10)
  await before.close()
  t.ok(first.isOpen, 'close() leaves the client to its owner')
  first.close()

  const after = sqliteStore(new DatabaseSync(file))
  t.strictSame((await after.find('session')).row, row)
  t.strictSame(await after.revoke('ended', ending), ended)
  t.strictSame((await after.readFeed(null, 10)).entries, entries)
  t.match(await after.readFeed(cursor, 10), { entries: [], resumed: true })
})

t.test('readFeed() does not resume over a backup that was restored, nor from nonsense', async (t) => {
  const database = new DatabaseSync(newFile())
  const store = sqliteStore(database)
  const backup = newFile()
  database.exec(`VACUUM INTO '${backup}'`)
  await store.feed([{ kind: 'token', id: 'lost', until: 1e15 }])
  const { cursor } = await store.readFeed(null, 10)
  const restored = sqliteStore(new DatabaseSync(backup))
  t.match(await restored.readFeed(cursor, 10), { resumed: false, entries: [] })
  await restored.feed([{ kind: 'token', id: 'with the same number', until: 1e15 }])
  t.match(await restored.readFeed(cursor, 10), { resumed: false, entries: [{ id: 'with the same number' }] })
  for (const nonsense of ['', '.', '1', '1.', 'x.y', '-1.x', "1.' OR 1"]) {
    t.equal((await restored.readFeed(nonsense, 10)).resumed, false, nonsense)
    t.equal((await memoryStore().readFeed(nonsense, 10)).resumed, false, nonsense)
  }
})

t.test('sqliteStore() rejects, and touches nothing, while the application has a transaction open', async (t) => {
  const database = new DatabaseSync(newFile())
  const store = sqliteStore(database)
  await store.insert(newSession({ idleMs: 1e9, absoluteMs: 1e9 }), inserting)
  database.exec('CREATE TABLE notes (text TEXT); BEGIN; INSERT INTO notes VALUES (\'theirs\')')
  const inside = { message: /inside a transaction of the application/ }
  await t.rejects(store.find('session'), inside)
  await t.rejects(store.revoke('session', ending), inside)
  await t.rejects(store.readFeed(null, 10), inside)
  await t.rejects(store.sweep(), inside)
  t.throws(() => sqliteStore(database))
  t.ok(database.isTransaction, 'their transaction is still open')
  database.exec('ROLLBACK')
  t.strictSame(database.prepare('SELECT * FROM notes').all(), [], 'and theirs to roll back')
  t.equal((await store.revoke('session', ending))?.id, 'session')
})

t.test('sqliteStore() rejects when another connection writes for longer than `busy_timeout`', async (t) => {
  const file = newFile()
  const database = new DatabaseSync(file)
  database.exec('PRAGMA busy_timeout = 10')
  const store = sqliteStore(database)
  await store.insert(newSession({ idleMs: 1e9, absoluteMs: 1e9 }), inserting)
  const writer = new DatabaseSync(file)
  writer.exec('BEGIN IMMEDIATE')
  await t.rejects(store.rotate('session', rotation), { message: /locked/ })
  t.equal((await store.find('session')).row?.generation, 0, 'reading needs no patience')
  writer.exec('COMMIT')
  t.equal((await store.rotate('session', rotation)).applied, true)
})

t.test('sweep() removes more sessions than go into one transaction', async (t) => {
  let now = 0
  const database = new DatabaseSync(newFile())
  const store = sqliteStore(database, { clock: () => now })
  // The application's own setting is undone by sqliteStore(), so once more: 2001 times waiting for the disk is slow.
  database.exec('PRAGMA synchronous = OFF')
  for (let index = 0; index < 2001; index++) await store.insert(newSession({ id: `${index}` }), inserting)
  now = 1000
  t.equal(await store.sweep(), 2001)
  t.equal(await store.sweep(), 0)
})

t.test('sqliteStore() migrates once and rotates once, though three processes start together over a new file', async (t) => {
  const file = newFile()
  const entry = fileURLToPath(new URL('fixtures/sqlite-race.ts', import.meta.url))
  const children = Array.from({ length: 3 }, () =>
    spawn(process.execPath, [...process.execArgv, entry, file, '300'], { stdio: ['pipe', 'pipe', 'inherit'] }))
  await Promise.all(children.map((child) => once(child.stdout, 'data')))
  for (const child of children) child.stdin.write('go\n')
  const answers = await Promise.all(children.map(async (child) => JSON.parse(await text(child.stdout)) as { started: number, applied: number }))
  const sum = (key: 'started' | 'applied') => answers.reduce((total, answer) => total + answer[key], 0)
  t.equal(sum('started'), 1, 'one of them started the session')
  t.equal(sum('applied'), 300, 'each generation was reached once')

  const database = new DatabaseSync(file)
  const steps = () => database.prepare('SELECT step FROM auth_schema').all().map((row) => (row as { step: string }).step)
  t.strictSame(steps(), ['001-sessions'])
  const store = sqliteStore(database)
  t.strictSame(steps(), ['001-sessions'])
  t.equal((await store.find('shared')).row?.generation, 300)
  t.equal((await store.list('own')).length, 3)
})

// Each is a mistake that somebody's first store makes; the cases that notice it stand beside it.
const mistakes: Record<string, { make: (store: SessionStore) => Partial<SessionStore>, noticed: string[] }> = {
  none: { make: () => ({}), noticed: [] },
  'none, and it pushes': {
    make (store) {
      let wake = () => {}
      return {
        subscribe: async (given) => { wake = given },
        revoke: (id, options) => store.revoke(id, options).finally(wake)
      }
    },
    noticed: []
  },
  'insert() ends the others in a step before': {
    make: (store) => ({
      async insert (session, options) {
        const ended = await Promise.all(options.end.map((id) => store.revoke(id, options)))
        const inserted = await store.insert(session, { ...options, end: [] })
        return inserted.row === null ? inserted : { ...inserted, ended: ended.filter((one) => one !== null) }
      }
    }),
    noticed: [
      'insert() ends the sessions named in `end`, whoever\'s they are, and feeds them',
      'insert() names in `ended` only what it ended itself',
      'insert() rejects an id that exists, and then ends nothing',
      'insert() is refused where revokeAll() came after `authenticatedAt`, and then ends nothing'
    ]
  },
  'insert() does not look at `authenticatedAt`': {
    make: (store) => ({ insert: (session, options) => store.insert(session, { ...options, authenticatedAt: undefined }) }),
    noticed: [
      'insert() is refused where revokeAll() came after `authenticatedAt`, and then ends nothing',
      'insert() against revokeAll(): no session that was authenticated before outlives it, whichever is first',
      'sweep() leaves `authenticatedAt` its meaning'
    ]
  },
  'insert() copies claims by assignment': {
    make: (store) => ({
      // Assigning `__proto__` sets the prototype, where spreading would define a member.
      insert: (session, options) => store.insert({ ...session, claims: Object.assign({}, session.claims) }, options)
    }),
    noticed: [
      'insert() keeps claims as JSON has them'
    ]
  },
  'insert() and list() cut subjects at 255 characters': {
    make: (store) => ({
      insert: (session, options) => store.insert({ ...session, sub: session.sub.slice(0, 255) }, options),
      list: (sub) => store.list(sub.slice(0, 255))
    }),
    noticed: [
      'insert() keeps apart ids and subjects that look alike, however odd or long'
    ]
  },
  'find() gives out its own rows': {
    make (store) {
      const own = new WeakMap<SessionRow, SessionRow>()
      return {
        async find (id) {
          const { row, now } = await store.find(id)
          if (row !== null && !own.has(row)) own.set(row, structuredClone(row))
          return { row: row && own.get(row)!, now }
        }
      }
    },
    noticed: [
      'find() gives rows that nobody can change from outside'
    ]
  },
  'rotate() does not compare': {
    make: (store) => ({
      rotate: async (id, change) => store.rotate(id, { ...change, from: (await store.find(id)).row?.generation ?? 0 })
    }),
    noticed: [
      'rotate() moves the generation only from the one named'
    ]
  },
  'rotate() reads, compares, and then writes': {
    make: (store) => ({
      async rotate (id, change) {
        let { row, now } = await store.find(id)
        if (row?.generation !== change.from) return { row, now, applied: false }
        for (;;) {
          const write = await store.rotate(id, { ...change, from: row?.generation ?? 0 })
          if (write.applied || write.row?.generation === row?.generation) return write
          row = write.row
        }
      }
    }),
    noticed: [
      'rotate() is applied once when 50 come together, and all see the winner\'s row'
    ]
  },
  'rotate() does not look at `minAgeMs`': {
    make: (store) => ({ rotate: (id, change) => store.rotate(id, { ...change, minAgeMs: 0 }) }),
    noticed: [
      'rotate() leaves alone what was rotated less than `minAgeMs` ago'
    ]
  },
  'rotate() lets the idle expiry pass the absolute one': {
    make: (store) => ({
      async rotate (id, change) {
        const { row, now, applied } = await store.rotate(id, change)
        return { row: row && applied ? { ...row, idleExpiresAt: now + change.idleMs } : row, now, applied }
      }
    }),
    noticed: [
      'rotate() slides the idle expiry, but never past the absolute one'
    ]
  },
  'countRetry() does not compare the retries': {
    make: (store) => ({
      countRetry: async (id, change) => store.countRetry(id, { ...change, retries: (await store.find(id)).row?.retries ?? [] })
    }),
    noticed: [
      'countRetry() counts only on the generation and the retries named'
    ]
  },
  'revoke() does not look at `sub`': {
    make: (store) => ({ revoke: (id, { lifetimeSeconds }) => store.revoke(id, { lifetimeSeconds }) }),
    noticed: [
      'revoke() with `sub` ends only that subject\'s session'
    ]
  },
  'revoke() has no answer for what was ended before': {
    make: (store) => ({
      revoke: async (id, options) => (await store.find(id)).row?.revokedAt === null ? store.revoke(id, options) : null
    }),
    noticed: [
      'revoke() answers again with the first `until`',
      'sweep() removes sessions that have expired, and none that still matter'
    ]
  },
  'revokeAll() does not look at `except`': {
    make: (store) => ({ revokeAll: (sub, { lifetimeSeconds }) => store.revokeAll(sub, { lifetimeSeconds }) }),
    noticed: [
      'revokeAll() ends and feeds all live sessions of a subject but `except`'
    ]
  },
  'list() has the newest first': {
    make: (store) => ({ list: async (sub) => (await store.list(sub)).toReversed() }),
    noticed: [
      'list() has a subject\'s live sessions, oldest first'
    ]
  },
  'readFeed() always resumes': {
    make: (store) => ({ readFeed: async (cursor, limit) => ({ ...await store.readFeed(cursor, limit), resumed: true }) }),
    noticed: [
      'readFeed() does not resume where another store left off'
    ]
  },
  'readFeed() has no sessions': {
    make: (store) => ({
      async readFeed (cursor, limit) {
        const page = await store.readFeed(cursor, limit)
        return { ...page, entries: page.entries.filter(({ kind }) => kind !== 'session') }
      }
    }),
    noticed: [
      'insert() keeps apart ids and subjects that look alike, however odd or long',
      'insert() ends the sessions named in `end`, whoever\'s they are, and feeds them',
      'revoke() ends one session and feeds it, for as long as its longest access token',
      'revoke() answers again with the first `until`',
      'revoke() ends once when 20 come together',
      'revoke() feeds its own `until`, though the feed has an earlier one that readers have read',
      'revokeAll() ends and feeds all live sessions of a subject but `except`',
      'revokeAll() against rotate(): none of the sessions lives on',
      'readFeed() can be followed from an empty feed on',
      'readFeed() loses nothing to calls that come together',
      'feed() leaves alone what the feed has',
      'sweep() removes sessions that have expired, and none that still matter'
    ]
  },
  'readFeed() says that there is no more': {
    make: (store) => ({ readFeed: async (cursor, limit) => ({ ...await store.readFeed(cursor, limit), more: false }) }),
    noticed: [
      'readFeed() reads in pages, and then only what came after',
      'readFeed() loses nothing to calls that come together'
    ]
  },
  'sweep() does nothing': {
    make: () => ({ sweep: async () => 0 }),
    noticed: [
      'sweep() removes sessions that have expired, and none that still matter'
    ]
  }
}

t.test('storeContract() notices the mistakes of a first store, each by its own cases', async (t) => {
  for (const [mistake, { make, noticed }] of Object.entries(mistakes)) {
    const failed: string[] = []
    let now = Date.now()
    const open = async (): Promise<OpenStore> => {
      const store = memoryStore({ clock: () => ++now })
      return { store: { ...store, ...make(store) }, async close () {} }
    }
    for (const { name, run } of storeContract(open)) await run().catch(() => failed.push(name))
    t.strictSame(failed, noticed, mistake)
  }
})
