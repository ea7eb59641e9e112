import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { UnusableStoreError } from '../../../plugin/stores/session-store.ts'
import { sqliteStore } from '../../../plugin/stores/sqlite.ts'
import { steps } from '../../../plugin/stores/sqlite/schema.ts'
import { fingerprint } from '../../fixtures/schema-steps.ts'
import { firstSchema } from '../../fixtures/sqlite-first-schema.ts'
import { DatabaseSync } from '../../fixtures/sqlite.ts'
import { ending, idsOf, inserting, issuer, newSession } from '../../fixtures/store-values.ts'

const directory = t.testdir()
let files = 0
const newFile = () => join(directory, `${++files}.db`)

t.test('steps: a published step never changes', async (t) => {
  t.strictSame(
    steps.map(({ name, usableFrom, sql }) => [name, usableFrom, fingerprint(sql)]),
    [
      ['001-sessions', 1, '2919eab15323dc06'],
      ['002-counters', 2, 'e736aeb37949f5ae'],
      ['003-session-limits', 2, '38c44bc0ef37aaec']
    ]
  )
})

t.test('sqliteStore() sets the pragmas of durability, and keeps the `busy_timeout` of the application', async (t) => {
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

t.test('sqliteStore() starts while another connection writes if the tables exist', async (t) => {
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
    '(id, sub, salt, generation, created_at, rotated_at, retries, idle_expires_at, absolute_expires_at, ' +
    'access_lifetime_seconds, revoked_at, revoked_until, claims)'
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
      idleLimitMs: null,
      absoluteExpiresAt: 900000,
      accessLifetimeSeconds: 10,
      revokedAt: null,
      device: null,
      scope: null,
      claims: { a: 1 },
      details: {}
    }
  ])
  t.equal((await store.find('ended')).row?.revokedAt, 3000)
  t.match(await store.readRevocations('1.mark', 10), { entries: [], resumed: true })
  const insert = (age: number) =>
    store.insert(newSession(), { ...inserting, issuers: both.issuers, authenticatedAge: () => age })
  t.equal((await insert(2000)).row, null, 'the credential was read at the time of the revokeAll()')
  t.ok((await insert(1999)).row)
  now = 6000
  t.strictSame(idsOf((await store.revokeAll(both, ending)).revoked).sort(), ['live', 'session'])
})

t.test('sqliteStore() throws if the tables need newer code, and names both versions', async (t) => {
  const database = new DatabaseSync(newFile())
  const store = sqliteStore(database)
  database.exec("INSERT INTO auth_schema (step, applied_at, usable_from) VALUES ('004-that-older-code-can-use', 1, 2)")
  t.ok(await sqliteStore(database).prepare?.())
  database.exec("INSERT INTO auth_schema (step, applied_at, usable_from) VALUES ('009-that-it-cannot', 1, 9)")
  const error = {
    name: 'UnusableStoreError',
    message:
      'sqliteStore() cannot use the tables auth_…: they need a fastify-authenticate with schema version 9 or later, ' +
      'and this one has version 3: update it'
  }
  t.throws(() => sqliteStore(database), error)
  await t.rejects(store.prepare!(), error)
})

t.test('sqliteStore() throws an UnusableStoreError that says why it cannot use a file', async (t) => {
  const text = newFile()
  writeFileSync(text, 'This is not a database. '.repeat(100))
  const readable = newFile()
  new DatabaseSync(readable).exec('CREATE TABLE notes (text TEXT)')
  for (const [file, options, reason] of [
    [text, {}, 'file is not a database'],
    [readable, { readOnly: true }, 'attempt to write a readonly database']
  ] as const) {
    const advice = 'It needs a SQLite database that this process may write, in a folder that this process may write'
    t.throws(
      () => sqliteStore(new DatabaseSync(file, options)),
      new UnusableStoreError(`sqliteStore() cannot use ${file}: ${reason}. ${advice}`)
    )
  }
})
