import { chmodSync, copyFileSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readConfig } from '../../../example-server/config/config.ts'
import { openDatabase } from '../../../example-server/database/database.ts'
import { sql } from '../../../example-server/database/query.ts'
import { openFile } from '../../../example-server/database/sqlite/file.ts'
import { createQuery } from '../../../example-server/database/sqlite/query.ts'
import { DatabaseSync } from '../../fixtures/sqlite.ts'

const open = (dataDir: string) => openDatabase(readConfig({ DATA_DIR: dataDir }))
const user = { name: 'alice', passwordHash: 'hash' }

t.test('after close(), the file alone contains everything', async (t) => {
  const directory = t.testdir({ original: {}, copy: {} })
  const [original, copy] = [join(directory, 'original'), join(directory, 'copy')]
  const database = await open(original)
  const { id } = (await database.users.add(user))!
  await database.notes.add(id, 'remember')
  await database.close()
  copyFileSync(join(original, 'example.db'), join(copy, 'example.db'))

  const restored = await open(copy)
  t.teardown(() => restored.close())
  t.match(await restored.users.byName('alice'), { id })
  t.match(await restored.notes.list(id), [{ text: 'remember' }])
  t.equal(await restored.sessions.find('none').then(({ row }) => row), null)
})

t.test('close() leaves what another process still reads beside the file, and loses nothing', async (t) => {
  const dataDir = t.testdir()
  const [one, other] = [await open(dataDir), await open(dataDir)]
  const reader = new DatabaseSync(join(dataDir, 'example.db'))
  reader.exec('BEGIN; SELECT count(*) FROM users')
  reader.prepare('SELECT count(*) FROM users').get()
  await one.users.add(user)
  await one.close()
  reader.close()
  t.match(await other.users.byName('alice'), user)
  await other.close()
})

t.test('openDatabase() creates files that only their owner can read', async (t) => {
  const dataDir = t.testdir()
  chmodSync(dataDir, 0o755)
  const database = await open(dataDir)
  await database.users.add(user)
  for (const name of ['example.db', 'example.db-wal', 'example.db-shm']) {
    t.equal(statSync(join(dataDir, name)).mode & 0o777, 0o600, name)
  }
  await database.close()
})

t.test('openDatabase() refuses a file that a newer version has used, and names both', async (t) => {
  const dataDir = t.testdir()
  await (await open(dataDir)).close()
  const path = join(dataDir, 'example.db')
  const change = (sql: string) => {
    const file = new DatabaseSync(path)
    file.exec(sql)
    file.close()
  }
  change("INSERT INTO app_schema VALUES ('999-later', 0)")
  const later = {
    message:
      `cannot use the database ${path}: a newer version of this server has changed its tables (999-later): ` +
      'start that version, or restore a backup from before the update'
  }
  await t.rejects(open(dataDir), later)
  await t.rejects(open(dataDir), later, 'it changed nothing')
  change("DELETE FROM app_schema WHERE step = '999-later'; INSERT INTO auth_schema VALUES ('999-later', 0, 999)")
  await t.rejects(open(dataDir), {
    message: new RegExp(`^cannot use the database ${path}: sqliteStore\\(\\) cannot use the tables auth_…: they need `)
  })
  change("DELETE FROM auth_schema WHERE step = '999-later'")
  await (await open(dataDir)).close()
})

t.test('openDatabase() names a file that it cannot use', async (t) => {
  const dataDir = t.testdir({ text: { 'example.db': 'This is not a database, but a text that is long enough.' } })
  const text = join(dataDir, 'text')
  await t.rejects(open(text), {
    message: `cannot use the database ${join(text, 'example.db')}: file is not a database`
  })
  const folder = join(dataDir, 'folder')
  mkdirSync(join(folder, 'example.db'), { recursive: true })
  await t.rejects(open(folder), {
    message: new RegExp(`^cannot use the database ${join(folder, 'example.db')}: .*unable to open database file$`)
  })
  writeFileSync(join(dataDir, 'file'), '')
  await t.rejects(open(join(dataDir, 'file')), { message: /EEXIST.*file/ })
})

t.test('openDatabase() upgrades the file of the first version, and keeps its data', async (t) => {
  const dataDir = t.testdir()
  const first = new DatabaseSync(join(dataDir, 'example.db'))
  first.exec(`
    CREATE TABLE app_schema (step TEXT PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT;
    INSERT INTO app_schema VALUES ('001-users-and-notes', 0);
    CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT NOT NULL COLLATE NOCASE UNIQUE, password_hash TEXT NOT NULL,
      roles TEXT NOT NULL, scope TEXT NOT NULL, demo INTEGER NOT NULL, created_at INTEGER NOT NULL) STRICT;
    CREATE TABLE notes (id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
      text TEXT NOT NULL, created_at INTEGER NOT NULL) STRICT;
    CREATE INDEX notes_of_user ON notes (user_id, created_at);
    INSERT INTO users VALUES ('1', 'alice', 'hash', '["admin"]', 'notes:read', 0, 0);
    INSERT INTO notes VALUES ('1', '1', 'from the first version', 0);`)
  first.close()

  const upgraded = await open(dataDir)
  t.teardown(() => upgraded.close())
  t.match(await upgraded.users.byName('alice'), { id: '1', roles: ['admin'] })
  t.match(await upgraded.notes.list('1'), [{ text: 'from the first version' }])
  await upgraded.knownAddresses.add({ username: 'alice', address: '192.0.2.1' }, 1)
  t.equal(await upgraded.knownAddresses.has({ username: 'alice', address: '192.0.2.1' }, 2), true)
})

t.test('a temporary failure of SQLite is DATABASE_UNAVAILABLE, and our own mistake is not', async (t) => {
  const path = join(t.testdir(), 'a.db')
  const [database, other] = [await openFile(path), await openFile(path)]
  database.exec('CREATE TABLE a (text TEXT NOT NULL UNIQUE); PRAGMA busy_timeout = 0')
  const reading = await openFile(path, { readOnly: true })
  t.teardown(() => [reading, other, database].forEach((file) => file.close()))
  const add = async (file: typeof database, text: string) =>
    await createQuery(file)(sql`INSERT INTO a (text) VALUES (${text}) RETURNING text`)
  const unavailable = { code: 'DATABASE_UNAVAILABLE', statusCode: 503 }

  t.equal((await add(database, 'x')).length, 1)
  other.exec('BEGIN IMMEDIATE')
  await t.rejects(add(database, 'y'), unavailable, 'locked by another process')
  other.exec('COMMIT')
  await t.rejects(add(reading, 'y'), unavailable, 'read-only')
  database.exec('PRAGMA max_page_count = 3')
  await t.rejects(add(database, 'y'.repeat(100_000)), unavailable, 'a full disk')
  await t.rejects(add(database, 'x'), { message: /UNIQUE constraint failed/ })
})
