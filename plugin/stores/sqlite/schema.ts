import { isBusy } from './client.ts'
import type { SqliteDatabase } from './client.ts'

/** How long the process stands still for another one's write, where it has to: when it starts. */
const busyTimeoutMs = 1500

/** Each is applied once to a file, in this order; published ones never change, new ones are added at the end. */
const schemaSteps = {
  '001-sessions': `
    CREATE TABLE auth_sessions (
      id TEXT PRIMARY KEY,
      sub TEXT NOT NULL,
      salt TEXT NOT NULL,
      generation INTEGER NOT NULL,
      created_at INTEGER NOT NULL,
      rotated_at INTEGER NOT NULL,
      retries TEXT NOT NULL,
      idle_expires_at INTEGER NOT NULL,
      absolute_expires_at INTEGER NOT NULL,
      access_lifetime_seconds INTEGER NOT NULL,
      revoked_at INTEGER,
      revoked_until INTEGER,
      device TEXT,
      scope TEXT,
      claims TEXT NOT NULL
    ) STRICT;
    CREATE INDEX auth_sessions_sub ON auth_sessions (sub);
    CREATE INDEX auth_sessions_gone ON auth_sessions (coalesce(revoked_until, idle_expires_at));
    CREATE TABLE auth_revoked_all (sub TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT;
    CREATE TABLE auth_feed (
      number INTEGER PRIMARY KEY AUTOINCREMENT,
      mark TEXT NOT NULL,
      kind TEXT NOT NULL,
      id TEXT NOT NULL,
      until INTEGER NOT NULL,
      UNIQUE (kind, id)
    ) STRICT;`
}

/** In this order, for switching to WAL already needs the patience. */
export function configure (database: SqliteDatabase): void {
  const { timeout } = database.prepare('PRAGMA busy_timeout').get({}) as { timeout: number | bigint }
  if (Number(timeout) === 0) database.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`)
  patiently(() => database.exec('PRAGMA journal_mode = WAL'))
  database.exec('PRAGMA synchronous = FULL')
}

/** SQLite does not wait by itself where processes switch a new file to WAL at the same time: it fails at once. */
function patiently (attempt: () => void, until = Date.now() + 10_000): void {
  for (;;) {
    try {
      return attempt()
    } catch (error) {
      if (Date.now() > until || !isBusy(error)) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
    }
  }
}

export function migrate (database: SqliteDatabase, now: number): void {
  database.exec('CREATE TABLE IF NOT EXISTS auth_schema (step TEXT PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT')
  const applied = database.prepare('INSERT OR IGNORE INTO auth_schema (step, applied_at) VALUES (:step, :now)')
  for (const [step, statements] of Object.entries(schemaSteps)) {
    if (Number(applied.run({ step, now }).changes) === 1) database.exec(statements)
  }
}
