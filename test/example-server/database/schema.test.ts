import { join } from 'node:path'
import { Client } from 'pg'
import t from 'tap'
import { readConfig } from '../../../example-server/config/config.ts'
import { openDatabase } from '../../../example-server/database/database.ts'
import { skip as skipWithoutPostgres, startPostgres } from '../../fixtures/postgres-server.ts'
import { DatabaseSync } from '../../fixtures/sqlite.ts'

t.setTimeout(600_000)

/** Databases of the version that stored a scope in each row, each with a connection of an old node. */
const oldDatabases = {
  async sqlite(dataDir: string) {
    const file = new DatabaseSync(join(dataDir, 'example.db'))
    file.exec(`
      CREATE TABLE app_schema (step TEXT PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT;
      INSERT INTO app_schema VALUES ('001-users-and-notes', 0), ('002-known-addresses', 0), ('003-disabled-users', 0);
      CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT NOT NULL COLLATE NOCASE UNIQUE, password_hash TEXT NOT NULL,
        roles TEXT NOT NULL, scope TEXT NOT NULL, demo INTEGER NOT NULL, created_at INTEGER NOT NULL,
        disabled_at INTEGER) STRICT;
      CREATE TABLE notes (id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        text TEXT NOT NULL, created_at INTEGER NOT NULL) STRICT;
      CREATE INDEX notes_of_user ON notes (user_id, created_at);
      CREATE TABLE known_addresses (user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        address TEXT NOT NULL, seen_at INTEGER NOT NULL, PRIMARY KEY (user_id, address)) STRICT;
      CREATE INDEX known_addresses_by_age ON known_addresses (seen_at);
      INSERT INTO users VALUES ('u1', 'Alice', 'hash', '["admin"]', 'notes:read notes:write', 0, 0, NULL);
      INSERT INTO notes VALUES ('n2', 'u1', 'second', 2), ('n1', 'u1', 'first', 1);`)
    return {
      env: {},
      query: async (sql: string) => file.prepare(sql).all() as Record<string, unknown>[],
      aDayLater: 'UPDATE app_schema SET applied_at = applied_at - 86400000',
      newUser: "VALUES ('u2', 'bob', 'hash', '[]', 'notes:read notes:write', 0, 0)",
      newNote: "INSERT INTO notes (id, user_id, text, created_at) VALUES ('n3', 'u1', 'third', 3)",
      oldNotes: "SELECT text FROM notes WHERE user_id = 'u1' ORDER BY created_at, rowid",
      end: async () => file.close()
    }
  },
  async postgres() {
    const { connection, stop } = await startPostgres()
    const client = new Client(connection)
    await client.connect()
    await client.query(`
      CREATE TABLE app_schema (step text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT clock_timestamp());
      INSERT INTO app_schema VALUES ('001-users-and-notes'), ('002-known-addresses'), ('003-disabled-users');
      CREATE TABLE users (id text PRIMARY KEY, name text COLLATE "C" NOT NULL, password_hash text NOT NULL,
        roles text[] NOT NULL, scope text NOT NULL, demo boolean NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(), disabled_at timestamptz);
      CREATE UNIQUE INDEX users_name ON users (lower(name));
      CREATE TABLE notes (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id text NOT NULL UNIQUE,
        user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE, text text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp());
      CREATE INDEX notes_of_user ON notes (user_id, number);
      CREATE TABLE known_addresses (user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        address text NOT NULL, seen_at timestamptz NOT NULL, PRIMARY KEY (user_id, address));
      CREATE INDEX known_addresses_by_age ON known_addresses (seen_at);
      INSERT INTO users VALUES ('u1', 'Alice', 'hash', '{admin}', 'notes:read notes:write', false);
      INSERT INTO notes (id, user_id, text) VALUES ('n1', 'u1', 'first'), ('n2', 'u1', 'second');`)
    const { host, user, database } = connection
    return {
      env: { DATABASE_URL: `postgres://${user}@${encodeURIComponent(host)}/${database}` },
      query: async (sql: string) => (await client.query(sql)).rows as Record<string, unknown>[],
      aDayLater: "UPDATE app_schema SET applied_at = applied_at - interval '1 day'",
      newUser: "VALUES ('u2', 'bob', 'hash', '{}', 'notes:read notes:write', false, clock_timestamp())",
      newNote: "INSERT INTO notes (id, user_id, text) VALUES ('n3', 'u1', 'third')",
      oldNotes: "SELECT text FROM notes WHERE user_id = 'u1' ORDER BY number",
      async end() {
        await client.end()
        await stop()
      }
    }
  }
}

const skips = { sqlite: false as const, postgres: skipWithoutPostgres }

for (const name of ['sqlite', 'postgres'] as const) {
  t.test(
    `with ${name}, a node that stores scopes runs on beside new ones; a day later the column goes`,
    { skip: skips[name] },
    async (t) => {
      const dataDir = t.testdir()
      const old = await oldDatabases[name](dataDir)
      t.teardown(old.end)
      const open = async () => await openDatabase(readConfig({ ...old.env, DATA_DIR: dataDir }))
      const hasScope = async () =>
        await old.query('SELECT scope FROM users').then(
          () => true,
          () => false
        )

      const first = await open()
      t.match(await first.users.byName('ALICE'), { id: 'u1', roles: ['admin'] })
      t.match(await first.users.add({ name: 'carol', passwordHash: 'hash' }), { name: 'carol' })
      // What the old node does.
      await old.query(`INSERT INTO users (id, name, password_hash, roles, scope, demo, created_at) ${old.newUser}`)
      await old.query(old.newNote)
      t.match(
        await old.query('SELECT scope FROM users ORDER BY name'),
        Array(3).fill({ scope: 'notes:read notes:write' })
      )
      t.match(await old.query(old.oldNotes), [{ text: 'first' }, { text: 'second' }, { text: 'third' }])
      t.match(await first.users.byName('bob'), { id: 'u2', roles: [] }, 'a new node reads what the old one has written')
      t.match(
        (await first.notes.list('u1')).map(({ text }) => text),
        ['third', 'second', 'first']
      )

      await (await open()).close()
      t.equal(await hasScope(), true, 'a second start on the same day')
      await old.query(old.aDayLater)
      const later = await open()
      t.equal(await hasScope(), false, 'a start on the next day')
      t.match(await later.users.add({ name: 'dora', passwordHash: 'hash' }), { name: 'dora' })
      t.match(await first.users.byName('dora'), { name: 'dora' }, 'a node that has started before runs on')
      t.match(await first.users.add({ name: 'erin', passwordHash: 'hash' }), { name: 'erin' })
      await Promise.all([first.close(), later.close()])
      await (await open()).close()
    }
  )
}

t.test(
  'with a database user who cannot change tables, an old column stays, and the server starts',
  { skip: skips.postgres },
  async (t) => {
    const { connection, stop } = await startPostgres()
    t.teardown(stop)
    const { host, database } = connection
    const as = (user: string) =>
      readConfig({
        DATABASE_URL: `postgres://${user}@${encodeURIComponent(host)}/${database}`,
        DATA_DIR: t.testdirName
      })
    await (await openDatabase(as('postgres'))).close()
    const client = new Client(connection)
    await client.connect()
    await client.query(`
      CREATE ROLE server LOGIN;
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO server;
      UPDATE app_schema SET applied_at = applied_at - interval '1 day'`)
    await client.end()
    const opened = await openDatabase(as('server'))
    t.match(await opened.users.add({ name: 'alice', passwordHash: 'hash' }), { name: 'alice' })
    await opened.close()
  }
)
