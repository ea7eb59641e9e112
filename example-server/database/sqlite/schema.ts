import type { SqliteDatabase } from 'fastify-authenticate/stores/sqlite'
import { newerSchema, type SchemaStep } from '../tables.ts'

const dayMs = 24 * 3600 * 1000

/** Migrations, each applied once to a file, in this order. */
const schemaSteps: Readonly<Record<string, SchemaStep>> = {
  '001-users-and-notes': `
    CREATE TABLE users (
      id TEXT PRIMARY KEY,
      name TEXT NOT NULL COLLATE NOCASE UNIQUE,
      password_hash TEXT NOT NULL,
      roles TEXT NOT NULL,
      scope TEXT NOT NULL,
      demo INTEGER NOT NULL,
      created_at INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE notes (
      id TEXT PRIMARY KEY,
      user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
      text TEXT NOT NULL,
      created_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX notes_of_user ON notes (user_id, created_at);`,
  '002-known-addresses': `
    CREATE TABLE known_addresses (
      user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
      address TEXT NOT NULL,
      seen_at INTEGER NOT NULL,
      PRIMARY KEY (user_id, address)
    ) STRICT;
    CREATE INDEX known_addresses_by_age ON known_addresses (seen_at);`,
  '003-disabled-users': 'ALTER TABLE users ADD COLUMN disabled_at INTEGER;',
  // As in PostgreSQL. A rowid would not do: a copy by VACUUM INTO may give the rows new numbers.
  '004-numbered-notes': `
    CREATE TABLE numbered_notes (
      number INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
      text TEXT NOT NULL,
      created_at INTEGER NOT NULL
    ) STRICT;
    INSERT INTO numbered_notes (id, user_id, text, created_at)
      SELECT id, user_id, text, created_at FROM notes ORDER BY created_at, rowid;
    DROP TABLE notes;
    ALTER TABLE numbered_notes RENAME TO notes;
    CREATE INDEX notes_of_user ON notes (user_id, number);`,
  '005-lower-names': 'CREATE UNIQUE INDEX users_name ON users (lower(name));',
  // Follows from the roles now. SQLite cannot add a default to a column that exists.
  '006-scope-by-roles': `
    ALTER TABLE users DROP COLUMN scope;
    ALTER TABLE users ADD COLUMN scope TEXT NOT NULL DEFAULT 'notes:read notes:write';`,
  '007-no-scope': { aDayAfter: '006-scope-by-roles', statements: 'ALTER TABLE users DROP COLUMN scope;' },
  '008-email': `
    ALTER TABLE users ADD COLUMN email TEXT;
    ALTER TABLE users ADD COLUMN pending_email TEXT;
    CREATE UNIQUE INDEX users_email ON users (lower(email));`,
  '009-passkeys': `
    CREATE TABLE passkeys (
      number INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
      name TEXT NOT NULL,
      public_key TEXT NOT NULL,
      counter INTEGER NOT NULL,
      created_at INTEGER NOT NULL,
      last_used_at INTEGER
    ) STRICT;
    CREATE INDEX passkeys_of_user ON passkeys (user_id, number);
    CREATE TABLE used_challenges (
      challenge TEXT PRIMARY KEY,
      expires_at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX used_challenges_by_expiry ON used_challenges (expires_at);`
}

/** @throws Error if a newer version of the server has used the file: its rows may mean something else */
export function migrate(database: SqliteDatabase): void {
  database.exec('BEGIN IMMEDIATE')
  try {
    database.exec('CREATE TABLE IF NOT EXISTS app_schema (step TEXT PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT')
    assertNotNewer(database.prepare('SELECT step FROM app_schema ORDER BY step').all({}) as { step: string }[])
    const now = Date.now()
    const applied = database.prepare('INSERT OR IGNORE INTO app_schema (step, applied_at) VALUES (:step, :now)')
    const isOld = database.prepare('SELECT 1 FROM app_schema WHERE step = :step AND applied_at <= :before')
    for (const [step, todo] of Object.entries(schemaSteps)) {
      const { aDayAfter, statements } = typeof todo === 'string' ? { aDayAfter: null, statements: todo } : todo
      if (aDayAfter !== null && isOld.get({ step: aDayAfter, before: now - dayMs }) === undefined) continue
      if (Number(applied.run({ step, now }).changes) === 1) database.exec(statements)
    }
    database.exec('COMMIT')
  } catch (error) {
    database.exec('ROLLBACK')
    throw error
  }
}

function assertNotNewer(applied: readonly { readonly step: string }[]): void {
  const newer = applied.find(({ step }) => !Object.hasOwn(schemaSteps, step))
  if (newer !== undefined) throw new Error(newerSchema(newer.step))
}
