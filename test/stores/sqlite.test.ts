import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { withTimeout } from '../../plugin/timeout.ts'
import { UnusableStoreError } from '../../plugin/stores/session-store.ts'
import type { NewSession } from '../../plugin/stores/session-store.ts'
import { sqliteStore } from '../../plugin/stores/sqlite.ts'
import type { SqliteDatabase } from '../../plugin/stores/sqlite.ts'
import { firstSchema } from '../fixtures/sqlite-first-schema.ts'
import type { WriterReport } from '../fixtures/sqlite-writers.ts'
import { DatabaseSync } from '../fixtures/sqlite.ts'

const directory = t.testdir()
let files = 0
const newFile = () => join(directory, `${++files}.db`)
const issuer = 'https://api.example.com'
const user = { issuers: [issuer], sub: 'user' }
const newSession = (given: Partial<NewSession> = {}): NewSession => ({
  id: 'session',
  issuer,
  sub: 'user',
  sessionKey: 'sessionKey',
  device: null,
  scope: null,
  claims: {},
  accessLifetimeSeconds: 10,
  idleMs: 1e9,
  absoluteMs: 1e9,
  ...given
})
const ending = { lifetimeSeconds: 10 }
const inserting = { issuers: [issuer], revoke: [], maxSessions: 1000, ...ending }
const rotation = { from: 0, to: 1, minAgeMs: 0, idleMs: 100, accessLifetimeSeconds: 10 }
const token = (id: string, until = 1e15) => ({ kind: 'token', id, until }) as const
const idsOf = (items: readonly { id: string }[]) => items.map(({ id }) => id)
const locked = { message: /database is locked/ }

t.test('sqliteStore() sets what durability needs, and leaves the patience of the application', async (t) => {
  for (const [given, expected] of [
    [0, 1500],
    [70, 70]
  ] as const) {
    const database = new DatabaseSync(newFile())
    database.exec(`PRAGMA busy_timeout = ${given}`)
    const store = sqliteStore(database)
    await store.insert(newSession(), inserting)
    const pragma = (name: string) => Object.values(database.prepare(`PRAGMA ${name}`).get() as object)[0]
    t.strictSame(['busy_timeout', 'journal_mode', 'synchronous'].map(pragma), [expected, 'wal', 2])
  }
})

t.test('sqliteStore() keeps everything when the file is opened again', async (t) => {
  const file = newFile()
  const first = new DatabaseSync(file)
  const before = sqliteStore(first)
  const { row } = await before.insert(newSession({ claims: { a: [1] } }), inserting)
  await before.insert(newSession({ id: 'ended' }), inserting)
  const { revoked } = await before.revoke('ended', ending)
  const { entries, cursor } = await before.readRevocations(null, 10)
  await before.close()
  t.ok(first.isOpen, 'close() leaves the client to its owner')
  first.close()

  const after = sqliteStore(new DatabaseSync(file))
  t.strictSame((await after.find('session')).row, row)
  t.strictSame((await after.revoke('ended', ending)).revoked, revoked)
  t.strictSame((await after.readRevocations(null, 10)).entries, entries)
  t.match(await after.readRevocations(cursor, 10), { entries: [], resumed: true })
})

t.test('sqliteStore() works with a client that reads integers as BigInt', async (t) => {
  const store = sqliteStore(new DatabaseSync(newFile(), { readBigInts: true } as object))
  const { row } = await store.insert(newSession(), inserting)
  t.strictSame((await store.list(user, { limit: 10 })).rows, [row])
  t.match(await store.revokeAll(user, ending), { revoked: [{ id: 'session' }], more: false })
  t.equal((await store.insert(newSession({ id: 'next' }), { ...inserting, authenticatedAge: () => 1000 })).row, null)
})

t.test('close() resolves after the writes that were asked for before', async (t) => {
  const database = new DatabaseSync(newFile())
  const store = sqliteStore(database)
  const writing = store.insert(newSession(), inserting)
  await store.close()
  database.close()
  t.equal((await writing).row?.id, 'session')
})

t.test('calls under way reject when the client is closed, and later ones too', async (t) => {
  const database = new DatabaseSync(newFile())
  const store = sqliteStore(database)
  const calls = [store.insert(newSession(), inserting), store.revokeAll(user, ending)]
  database.close()
  for (const call of calls) await t.rejects(async () => await call)
  await t.rejects(store.revoke('session', ending))
  await t.rejects(store.find('session'))
})

t.test('readRevocations() does not resume over a backup that was restored, nor from nonsense', async (t) => {
  const database = new DatabaseSync(newFile())
  const store = sqliteStore(database)
  const backup = newFile()
  database.exec(`VACUUM INTO '${backup}'`)
  await store.appendRevocations([token('lost')], ending)
  const { cursor } = await store.readRevocations(null, 10)
  const restored = sqliteStore(new DatabaseSync(backup))
  t.match(await restored.readRevocations(cursor, 10), { resumed: false, entries: [] })
  await restored.appendRevocations([token('with the same number')], ending)
  t.match(await restored.readRevocations(cursor, 10), { resumed: false, entries: [{ id: 'with the same number' }] })
  for (const nonsense of ['', '.', '1', '1.', 'x.y', '-1.x', "1.' OR 1"]) {
    t.equal((await restored.readRevocations(nonsense, 10)).resumed, false, nonsense)
  }
})

t.test('sqliteStore() rejects, and touches nothing, while the application has a transaction open', async (t) => {
  const database = new DatabaseSync(newFile())
  const store = sqliteStore(database)
  await store.insert(newSession(), inserting)
  database.exec("CREATE TABLE notes (text TEXT); BEGIN; INSERT INTO notes VALUES ('theirs')")
  const inside = { message: /inside a transaction of the application/ }
  await t.rejects(store.find('session'), inside)
  await t.rejects(store.revoke('session', ending), inside)
  await t.rejects(store.readRevocations(null, 10), inside)
  await t.rejects(store.sweep(), inside)
  t.ok(database.isTransaction, 'their transaction is still open')
  database.exec('ROLLBACK')
  t.strictSame(database.prepare('SELECT * FROM notes').all(), [], 'and theirs to roll back')
  t.equal((await store.revoke('session', ending)).revoked?.id, 'session')
})

t.test('calls that wait for another process are carried out in their order', async (t) => {
  const file = newFile()
  const store = sqliteStore(new DatabaseSync(file))
  const writer = new DatabaseSync(file)
  writer.exec('BEGIN IMMEDIATE')
  const ids = Array.from({ length: 100 }, (_, index) => `i ${index}`)
  const calls = ids.slice(0, 50).map((id) => store.appendRevocations([token(id)], ending))
  for (let turns = 0; turns < 20; turns++) await setImmediate()
  // Newcomers do not overtake.
  calls.push(...ids.slice(50).map((id) => store.appendRevocations([token(id)], ending)))
  writer.exec('COMMIT')
  await Promise.all(calls)
  t.strictSame(idsOf((await store.readRevocations(null, 1000)).entries), ids)
})

t.test('a call that fails among others that are committed with it fails alone', async (t) => {
  const store = sqliteStore(new DatabaseSync(newFile()))
  const insert = (id: string) => store.insert(newSession({ id }), inserting)
  const results = await Promise.allSettled(['a', 'b', 'a', 'c'].map(insert))
  t.strictSame(
    results.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected', 'fulfilled']
  )
  t.strictSame(idsOf((await store.list(user, { limit: 10 })).rows), ['a', 'b', 'c'])

  // It fails after it has revoked another session: that must not stay.
  const halfway = store.insert(newSession({ id: 'd', sessionKey: null as never }), { ...inserting, revoke: ['a'] })
  const results2 = await Promise.allSettled([store.revoke('b', ending), halfway, store.revoke('c', ending)])
  t.strictSame(
    results2.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled']
  )
  t.strictSame(idsOf((await store.list(user, { limit: 10 })).rows), ['a'])
  t.strictSame(idsOf((await store.readRevocations(null, 10)).entries), ['b', 'c'])
})

t.test('a call takes what it was given, whatever the caller does with it meanwhile', async (t) => {
  const store = sqliteStore(new DatabaseSync(newFile()))
  const claims = { roles: ['user'] }
  const entries = [token('meant')]
  const calls = [store.insert(newSession({ claims }), inserting), store.appendRevocations(entries, ending)]
  claims.roles.push('admin')
  entries.pop()
  await Promise.all(calls)
  t.strictSame((await store.find('session')).row?.claims, { roles: ['user'] })
  t.strictSame(idsOf((await store.readRevocations(null, 10)).entries), ['meant'])
})

t.test(
  'a call that waits too long for another process rejects with the reason, and is not carried out later',
  async (t) => {
    const file = newFile()
    const database = new DatabaseSync(file)
    const store = sqliteStore(database, { limitMs: 30 })
    await store.insert(newSession(), inserting)
    const writer = new DatabaseSync(file)
    writer.exec('BEGIN IMMEDIATE')
    await t.rejects(store.rotate('session', rotation), locked)
    await t.rejects(store.sweep(), locked)
    t.equal((await store.find('session')).row?.generation, 0, 'readers do not wait')
    writer.exec('COMMIT')
    await store.appendRevocations([], ending)
    t.equal((await store.find('session')).row?.generation, 0)
    t.equal((await store.rotate('session', rotation)).applied, true)
  }
)

t.test('a call rejects with the reason of the database before its request gives up after 2 s', async (t) => {
  const file = newFile()
  const store = sqliteStore(new DatabaseSync(file))
  await store.insert(newSession(), inserting)
  const writer = new DatabaseSync(file)
  writer.exec('BEGIN IMMEDIATE')
  const request = { ms: 2000, timeoutError: () => new Error('the request has given up') }
  await t.rejects(
    withTimeout(() => store.rotate('session', rotation), request),
    locked
  )
  writer.exec('ROLLBACK')
})

/** Starts processes of a fixture, tells all to begin when all are ready, and returns what each prints. */
async function runTogether<T>(fixture: string, args: readonly string[], beside: () => void = () => {}): Promise<T[]> {
  const entry = fileURLToPath(new URL(`../fixtures/${fixture}`, import.meta.url))
  const children = [1, 2, 3].map(() =>
    spawn(process.execPath, [...process.execArgv, entry, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  )
  await Promise.all(children.map((child) => once(child.stdout, 'data')))
  beside()
  for (const child of children) child.stdin.write('go\n')
  return await Promise.all(children.map(async (child) => JSON.parse(await text(child.stdout)) as T))
}

t.test('600 calls that wait in three processes beside four busy loops are all carried out', async (t) => {
  const startLoops = () => {
    const loops = [1, 2, 3, 4].map(() => spawn(process.execPath, ['-e', 'for (;;);']))
    t.teardown(() => {
      for (const loop of loops) loop.kill('SIGKILL')
    })
  }
  const reports = await runTogether<WriterReport>('sqlite-writers.ts', [newFile(), '200', '1'], startLoops)
  t.strictSame(
    reports.flatMap(({ failures }) => failures),
    []
  )
  t.comment(`longest wait: ${reports.map(({ longestMs }) => Math.round(longestMs)).join(', ')} ms`)
})

t.test(
  'sqliteStore() migrates once and rotates once, though three processes start together over a new file',
  async (t) => {
    const file = newFile()
    const reports = await runTogether<{ started: number; applied: number }>('sqlite-race.ts', [file, '300'])
    const sum = (key: 'started' | 'applied') => reports.reduce((total, report) => total + report[key], 0)
    t.equal(sum('started'), 1, 'one of them started the session')
    t.equal(sum('applied'), 300, 'each generation was reached once')

    const database = new DatabaseSync(file)
    const steps = () =>
      database
        .prepare('SELECT step FROM auth_schema ORDER BY step')
        .all()
        .map((row) => (row as { step: string }).step)
    t.strictSame(steps(), ['001-sessions', '002-counters'])
    const store = sqliteStore(database)
    t.strictSame(steps(), ['001-sessions', '002-counters'])
    t.equal((await store.find('shared')).row?.generation, 300)
    t.equal((await store.list({ issuers: [issuer], sub: 'own' }, { limit: 10 })).rows.length, 3)
  }
)

t.test('sqliteStore() starts while another connection writes, where the tables are there', async (t) => {
  const file = newFile()
  await sqliteStore(new DatabaseSync(file)).insert(newSession(), inserting)
  const writer = new DatabaseSync(file)
  writer.exec('BEGIN IMMEDIATE')
  t.equal((await sqliteStore(new DatabaseSync(file)).find('session')).row?.id, 'session')
  writer.exec('ROLLBACK')
})

t.test('sqliteStore() takes over the sessions, revocations and revokeAll() times of the first schema', async (t) => {
  const database = new DatabaseSync(newFile())
  let now = 5000
  const columns =
    '(id, sub, salt, generation, created_at, rotated_at, retries, idle_expires_at, absolute_expires_at, access_lifetime_seconds, revoked_at, revoked_until, claims)'
  database.exec(`${firstSchema}
    INSERT INTO auth_sessions ${columns} VALUES
      ('live', 'user', 'sessionKey', 3, 1000, 2000, '[1500]', 900000, 900000, 10, NULL, NULL, '{"a":1}'),
      ('ended', 'user', 'sessionKey', 0, 1000, 1000, '[]', 900000, 900000, 10, 3000, 73000, '{}');
    INSERT INTO auth_feed (mark, kind, id, until) VALUES ('mark', 'session', 'ended', 73000);
    INSERT INTO auth_revoked_all VALUES ('user', 3000)`)
  const store = sqliteStore(database, { clock: () => now })
  const both = { issuers: [issuer, ''], sub: 'user' }
  t.strictSame((await store.list(both, { limit: 10 })).rows, [
    {
      id: 'live',
      issuer: '',
      sub: 'user',
      sessionKey: 'sessionKey',
      generation: 3,
      createdAt: 1000,
      rotatedAt: 2000,
      retries: [1500],
      repeatedGeneration: null,
      repeatStreak: 0,
      idleExpiresAt: 900000,
      absoluteExpiresAt: 900000,
      accessLifetimeSeconds: 10,
      revokedAt: null,
      device: null,
      scope: null,
      claims: { a: 1 }
    }
  ])
  t.equal((await store.find('ended')).row?.revokedAt, 3000)
  t.match(await store.readRevocations('1.mark', 10), { entries: [], resumed: true })
  const insert = (age: number) =>
    store.insert(newSession(), { ...inserting, issuers: both.issuers, authenticatedAge: () => age })
  t.equal((await insert(2000)).row, null, 'read at the time of the revokeAll()')
  t.ok((await insert(1999)).row)
  now = 6000
  t.strictSame(idsOf((await store.revokeAll(both, ending)).revoked).sort(), ['live', 'session'])
})

t.test('sqliteStore() stops where the tables need newer code, and names both versions', async (t) => {
  const database = new DatabaseSync(newFile())
  const store = sqliteStore(database)
  database.exec("INSERT INTO auth_schema (step, applied_at, usable_from) VALUES ('003-that-older-code-can-use', 1, 2)")
  t.ok(await sqliteStore(database).prepare?.())
  database.exec("INSERT INTO auth_schema (step, applied_at, usable_from) VALUES ('009-that-it-cannot', 1, 9)")
  const error = {
    name: 'UnusableStoreError',
    message:
      'sqliteStore() cannot use the tables auth_…: they need a fastify-authenticate with schema version 9 or later, and this one has version 2: update it'
  }
  t.throws(() => sqliteStore(database), error)
  await t.rejects(store.prepare!(), error)
})

t.test('sqliteStore() has calls fail when its file was deleted or replaced, until it is put back', async (t) => {
  const folder = join(directory, 'moved')
  mkdirSync(folder)
  const file = join(directory, 'moved.db')
  const store = sqliteStore(new DatabaseSync(file))
  await store.insert(newSession(), inserting)
  const move = (from: string, to: string) => {
    for (const end of ['', '-wal', '-shm']) renameSync(from + end, to + end)
  }
  const calls = {
    find: () => store.find('session'),
    insert: () => store.insert(newSession({ id: 'new' }), inserting),
    revoke: () => store.revoke('session', ending),
    readRevocations: () => store.readRevocations(null, 10),
    sweep: () => store.sweep(),
    prepare: () => store.prepare!()
  }
  move(file, join(folder, 'kept.db'))
  for (const [name, call] of Object.entries(calls)) {
    await t.rejects(
      async () => await call(),
      { name: 'UnusableStoreError', message: /moved\.db was deleted after it was opened/ },
      name
    )
  }
  const another = new DatabaseSync(file)
  sqliteStore(another)
  for (const [name, call] of Object.entries(calls)) {
    await t.rejects(
      async () => await call(),
      { name: 'UnusableStoreError', message: /moved\.db was replaced by another file/ },
      name
    )
  }
  another.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  move(file, join(folder, 'other.db'))
  move(join(folder, 'kept.db'), file)
  t.match(await store.find('session'), { row: { id: 'session', revokedAt: null } })
  t.equal((await store.find('new')).row, null)
})

t.test('sqliteStore() keeps sessions in a database without a file', async (t) => {
  const store = sqliteStore(new DatabaseSync(':memory:'))
  await store.insert(newSession(), inserting)
  t.equal((await store.find('session')).row?.id, 'session')
  t.equal(await store.sweep(), 0)
})

t.test('sqliteStore() with `prefix` shares a file with another application, and no subject', async (t) => {
  const file = newFile()
  const [one, other] = [sqliteStore(new DatabaseSync(file)), sqliteStore(new DatabaseSync(file), { prefix: 'shop' })]
  await one.insert(newSession(), inserting)
  await other.insert(newSession(), inserting)
  await one.revokeAll(user, ending)
  await one.appendRevocations([token('i token')], ending)
  t.equal((await one.find('session')).row?.revokedAt !== null, true)
  t.equal((await other.find('session')).row?.revokedAt, null)
  t.strictSame((await other.readRevocations(null, 10)).entries, [])
  const names = new DatabaseSync(file)
    .prepare(
      "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' AND name NOT LIKE 'auth_%' AND name NOT LIKE 'shop_%'"
    )
    .all()
  t.strictSame(names, [])
})

t.test("sqliteStore() refuses a prefix that is not the beginning of a table's name, and unknown options", async (t) => {
  const database = new DatabaseSync(newFile())
  for (const prefix of [
    '',
    'Auth',
    '1a',
    'a-b',
    'a b',
    'a"; DROP TABLE users; --',
    'sqlite',
    'sqlite_a',
    'a'.repeat(42),
    'é',
    null,
    7
  ]) {
    t.throws(
      () => sqliteStore(database, { prefix: prefix as string }),
      { name: 'TypeError', message: /"prefix" must be 1 to 41 lower-case letters/ },
      String(prefix)
    )
  }
  for (const prefix of ['a', 'sqlites', 'my_app2', 'a'.repeat(41)]) {
    t.doesNotThrow(() => sqliteStore(database, { prefix }))
  }
  t.throws(
    () => sqliteStore(database, { schema: 'auth' } as object),
    new TypeError('sqliteStore() has no option "schema": it has prefix and clock')
  )
})

t.test('sqliteStore() refuses what is not an open client, and says what to pass', async (t) => {
  const closed = new DatabaseSync(newFile())
  closed.close()
  const received = (what: string) => ({
    name: 'TypeError',
    message: `sqliteStore() needs an open client of node:sqlite or @photostructure/sqlite, made by new DatabaseSync(path): received ${what}`
  })
  for (const [given, what] of [
    ['auth.db', 'a value of type string'],
    [{}, 'a value of type object'],
    [undefined, 'a value of type undefined'],
    [null, 'null'],
    [DatabaseSync, 'a value of type function'],
    [closed, 'one that is closed']
  ] as const) {
    t.throws(() => sqliteStore(given as unknown as SqliteDatabase), received(what), what)
  }
})

t.test('sqliteStore() says what is wrong with a file that it can never use', async (t) => {
  const text = newFile()
  writeFileSync(text, 'This is not a database. '.repeat(100))
  const readable = newFile()
  new DatabaseSync(readable).exec('CREATE TABLE notes (text TEXT)')
  for (const [file, options, reason] of [
    [text, {}, 'file is not a database'],
    [readable, { readOnly: true }, 'attempt to write a readonly database']
  ] as const) {
    const advice = 'It needs a SQLite database that this process may write, in a folder that it may write'
    t.throws(
      () => sqliteStore(new DatabaseSync(file, options)),
      new UnusableStoreError(`sqliteStore() cannot use ${file}: ${reason}. ${advice}`)
    )
  }
})

t.test(
  'prepare() rejects with the reason while the file is locked, which can pass, and resolves afterwards',
  async (t) => {
    const file = newFile()
    const store = sqliteStore(new DatabaseSync(file), { limitMs: 30 })
    const writer = new DatabaseSync(file)
    writer.exec('BEGIN EXCLUSIVE')
    const error: unknown = await store.prepare!().catch((error: unknown) => error)
    t.match(error, locked)
    t.notOk(error instanceof UnusableStoreError)
    writer.exec('ROLLBACK')
    t.match(await store.prepare!(), { storeTime: Number })
  }
)

t.test('no statement reads a whole table', async (t) => {
  const database = new DatabaseSync(newFile())
  const prepared: string[] = []
  sqliteStore({
    exec: (sql) => database.exec(sql),
    prepare(sql) {
      prepared.push(sql)
      return database.prepare(sql) as unknown as ReturnType<SqliteDatabase['prepare']>
    }
  })
  const statements = prepared.filter((sql) => /auth_(sessions|feed|subjects)/.test(sql))
  t.ok(statements.length > 20)
  for (const sql of statements) {
    const plan = database
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map((row) => (row as { detail: string }).detail)
    t.strictSame(
      plan.filter((step) => /^SCAN (auth_|sessions|subjects)/.test(step)),
      [],
      sql
    )
  }
})

t.test('sweep() lets other calls in while it removes many entries', async (t) => {
  const file = newFile()
  const database = new DatabaseSync(file)
  const store = sqliteStore(database, { clock: () => 1000 })
  database.exec(`WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 50000)
    INSERT INTO auth_feed (mark, kind, id, until) SELECT 'mark', 'token', n, 1 FROM numbers`)
  const left = () =>
    Number((database.prepare('SELECT count(*) AS count FROM auth_feed').get() as { count: number }).count)
  const sweeping = store.sweep()
  await setImmediate()
  await store.appendRevocations([token('meanwhile')], ending)
  t.ok(left() > 1, 'entries are still there')
  await sweeping
  t.equal(left(), 1, 'and then only the newest')
})

t.test('sweep() removes more sessions than go into one transaction', async (t) => {
  let now = 0
  const store = sqliteStore(new DatabaseSync(newFile()), { clock: () => now })
  const ids = Array.from({ length: 2001 }, (_, index) => `${index}`)
  await Promise.all(ids.map((id) => store.insert(newSession({ id, sub: id, idleMs: 100 }), inserting)))
  now = 1000
  t.equal(await store.sweep(), 2001)
  t.equal(await store.sweep(), 0)
})

t.test("sweep() keeps a subject's counter while sessions carry it, and removes it a day after the last", async (t) => {
  const dayMs = 86_400_000
  let now = 1000
  const database = new DatabaseSync(newFile())
  const store = sqliteStore(database, { clock: () => now })
  const subjects = () => database.prepare('SELECT counter FROM auth_subjects').all().length
  await store.insert(newSession({ id: 'before', idleMs: 10 * dayMs, absoluteMs: 10 * dayMs }), inserting)
  // More than one step logs: the rest is revoked by the counter alone.
  database.exec(`WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1500)
    INSERT INTO auth_sessions SELECT n, sub, salt, generation, created_at, rotated_at, retries, idle_expires_at, absolute_expires_at,
      access_lifetime_seconds, revoked_at, revoked_until, device, scope, claims, issuer, counter, repeated_generation, repeat_streak
    FROM auth_sessions, numbers WHERE id = 'before'`)
  t.match(await store.revokeAll(user, ending), { more: true })
  now += dayMs
  await store.sweep()
  t.strictSame((await store.list(user, { limit: 10 })).rows, [])
  t.equal(subjects(), 1)
  now += 10 * dayMs
  await store.sweep()
  t.equal(subjects(), 0)
})
