import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { sqliteStore } from '../../../plugin/stores/sqlite.ts'
import { releaseGarbage } from '../../fixtures/heap.ts'
import { DatabaseSync } from '../../fixtures/sqlite.ts'
import { dayMs, ending, idsOf, inserting, newSession, revokedTokens, user } from '../../fixtures/store-values.ts'

const directory = t.testdir()
let files = 0
const newFile = () => join(directory, `${++files}.db`)

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

t.test('readRevocations() does not resume after a backup was restored, or from an invalid cursor', async (t) => {
  const database = new DatabaseSync(newFile())
  const store = sqliteStore(database)
  const backup = newFile()
  database.exec(`VACUUM INTO '${backup}'`)
  await store.appendRevocations(revokedTokens('lost'), ending)
  const { cursor } = await store.readRevocations(null, 10)
  const restored = sqliteStore(new DatabaseSync(backup))
  t.match(await restored.readRevocations(cursor, 10), { resumed: false, entries: [] })
  await restored.appendRevocations(revokedTokens('with the same number'), ending)
  t.match(await restored.readRevocations(cursor, 10), { resumed: false, entries: [{ id: 'with the same number' }] })
  for (const nonsense of ['', '.', '1', '1.', 'x.y', '-1.x', "1.' OR 1"]) {
    t.equal((await restored.readRevocations(nonsense, 10)).resumed, false, nonsense)
  }
})

t.test('sqliteStore() copies the arguments of a call before it waits', async (t) => {
  const store = sqliteStore(new DatabaseSync(newFile()))
  const claims = { roles: ['user'] }
  const entries = revokedTokens('meant')
  const calls = [store.insert(newSession({ claims }), inserting), store.appendRevocations(entries, ending)]
  claims.roles.push('admin')
  entries.pop()
  await Promise.all(calls)
  t.strictSame((await store.find('session')).row?.claims, { roles: ['user'] })
  t.strictSame(idsOf((await store.readRevocations(null, 10)).entries), ['meant'])
})

t.test('sqliteStore() keeps sessions in a database without a file', async (t) => {
  const store = sqliteStore(new DatabaseSync(':memory:'))
  await store.insert(newSession(), inserting)
  t.equal((await store.find('session')).row?.id, 'session')
  t.equal(await store.sweep(), 0)
})

t.test('sqliteStore() with `prefix` shares a file with another application, but no subject', async (t) => {
  const file = newFile()
  const [one, other] = [sqliteStore(new DatabaseSync(file)), sqliteStore(new DatabaseSync(file), { prefix: 'shop' })]
  await one.insert(newSession(), inserting)
  await other.insert(newSession(), inserting)
  await one.revokeAll(user, ending)
  await one.appendRevocations(revokedTokens('i token'), ending)
  t.equal((await one.find('session')).row?.revokedAt !== null, true)
  t.equal((await other.find('session')).row?.revokedAt, null)
  t.strictSame((await other.readRevocations(null, 10)).entries, [])
  const names = new DatabaseSync(file)
    .prepare(
      `SELECT name FROM sqlite_schema
        WHERE name NOT LIKE 'sqlite_%' AND name NOT LIKE 'auth_%' AND name NOT LIKE 'shop_%'`
    )
    .all()
  t.strictSame(names, [])
})

t.test('sweep() lets other calls run while it removes many entries', async (t) => {
  const file = newFile()
  const database = new DatabaseSync(file)
  const store = sqliteStore(database, { clock: () => 1000 })
  database.exec(`WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 50000)
    INSERT INTO auth_feed (mark, kind, id, until) SELECT 'mark', 'token', n, 1 FROM numbers`)
  const left = () =>
    Number((database.prepare('SELECT count(*) AS count FROM auth_feed').get() as { count: number }).count)
  const sweeping = store.sweep()
  await setImmediate()
  await store.appendRevocations(revokedTokens('meanwhile'), ending)
  t.ok(left() > 1, 'entries are still there')
  await sweeping
  t.equal(left(), 1, 'only the newest is left')
})

t.test('sweep() removes more sessions than fit into one transaction', async (t) => {
  let now = 0
  const store = sqliteStore(new DatabaseSync(newFile()), { clock: () => now })
  const ids = Array.from({ length: 2001 }, (_, index) => `${index}`)
  await Promise.all(ids.map((id) => store.insert(newSession({ id, sub: id, idleMs: 100 }), inserting)))
  now = 1000
  t.equal(await store.sweep(), 2001)
  t.equal(await store.sweep(), 0)
})

t.test('sweep() keeps the counter of a subject while sessions carry it, and removes it a day later', async (t) => {
  let now = 1000
  const database = new DatabaseSync(newFile())
  const store = sqliteStore(database, { clock: () => now })
  const subjects = () => database.prepare('SELECT counter FROM auth_subjects').all().length
  await store.insert(newSession({ id: 'before', idleMs: 10 * dayMs, absoluteMs: 10 * dayMs }), inserting)
  // More than one call logs: the others are revoked by the counter alone.
  database.exec(`WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1500)
    INSERT INTO auth_sessions SELECT n, sub, salt, generation, created_at, rotated_at, retries, idle_expires_at,
      absolute_expires_at, access_lifetime_seconds, revoked_at, revoked_until, device, scope, claims, issuer, counter,
      repeated_generation, repeat_streak, idle_limit_ms, details
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

t.test('sqliteStore() keeps its database, also when memory is freed', async (t) => {
  const store = sqliteStore(new DatabaseSync(newFile()))
  await releaseGarbage()
  t.equal((await store.find('unknown')).row, null)
})
