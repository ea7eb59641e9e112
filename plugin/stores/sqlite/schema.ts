import { UnusableStoreError } from '../session-store.ts'
import type { SqliteDatabase } from './database.ts'
import { isBusy } from './errors.ts'
import { withPrefix } from './prefix.ts'
import { toNumber } from './rows.ts'
import { transaction } from './transaction.ts'

/** How long a starting process, which has to wait for another one's write, is blocked. */
const busyTimeoutMs = 1500
const startLimitMs = 10_000

interface SetUpOptions {
  readonly prefix: string
  readonly now: number
}

interface Step {
  readonly name: string
  /** The first version of this code (its number of steps) that can use the tables after this step. */
  readonly usableFrom: number
  readonly sql: string
}

/**
 * Applied to a file once each, in this order. A published step never changes; append new ones. The index that `list()`
 * reads is `auth_sessions_open`.
 */
export const steps: readonly Step[] = [
  {
    name: '001-sessions',
    usableFrom: 1,
    sql: `
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
  },
  {
    // Code of version 1 does not compare counters: it would keep refreshing revoked sessions.
    name: '002-counters',
    usableFrom: 2,
    sql: `
    ALTER TABLE auth_sessions ADD COLUMN issuer TEXT NOT NULL DEFAULT '';
    ALTER TABLE auth_sessions ADD COLUMN counter INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE auth_sessions ADD COLUMN repeated_generation INTEGER;
    ALTER TABLE auth_sessions ADD COLUMN repeat_streak INTEGER NOT NULL DEFAULT 0;
    DROP INDEX auth_sessions_sub;
    CREATE INDEX auth_sessions_open ON auth_sessions (sub, issuer, counter, idle_expires_at, rotated_at)
      WHERE revoked_until IS NULL;
    CREATE TABLE auth_subjects (
      sub TEXT NOT NULL,
      issuer TEXT NOT NULL,
      counter INTEGER NOT NULL,
      revoked_all_at INTEGER NOT NULL,
      check_at INTEGER NOT NULL,
      PRIMARY KEY (sub, issuer)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX auth_subjects_check ON auth_subjects (check_at);
    INSERT INTO auth_subjects (sub, issuer, counter, revoked_all_at, check_at)
      SELECT sub, '', 0, at, at + 86400000 FROM auth_revoked_all;
    DROP TABLE auth_revoked_all;
    CREATE INDEX auth_feed_until ON auth_feed (until);`
  },
  {
    // Code of version 2 ignores both: its sign-ins cannot set them either.
    name: '003-session-limits',
    usableFrom: 2,
    sql: `
    ALTER TABLE auth_sessions ADD COLUMN idle_limit_ms INTEGER;
    ALTER TABLE auth_sessions ADD COLUMN details TEXT;`
  }
]

/** Sets what durability needs, and creates or migrates the tables. */
export function setUp(database: SqliteDatabase, given: SetUpOptions): void {
  // First, because switching to WAL may have to wait.
  const timeout = toNumber(database.prepare('PRAGMA busy_timeout').get({}))
  if (timeout === 0) database.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`)
  withRetries(() => database.exec('PRAGMA journal_mode = WAL'))
  database.exec('PRAGMA synchronous = FULL')
  // Usually the tables are up to date, and there is no need to wait for writers.
  if (withRetries(() => isCurrent(database, given))) return
  withRetries(() => transaction(database, { mode: 'IMMEDIATE', work: () => migrate(database, given) }))
}

/** SQLite does not always wait by itself: not when several processes switch a new file to WAL, for example. */
function withRetries<T>(attempt: () => T, until = Date.now() + startLimitMs): T {
  for (;;) {
    try {
      return attempt()
    } catch (error) {
      if (Date.now() > until || !isBusy(error)) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1 + Math.random() * 2)
    }
  }
}

/** @throws UnusableStoreError if the tables need newer code */
function isCurrent(database: SqliteDatabase, { prefix }: Pick<SetUpOptions, 'prefix'>): boolean {
  const get = (sql: string) => toNumber(database.prepare(withPrefix(sql, prefix)).get({}))
  if (get("SELECT 1 FROM pragma_table_info('auth_schema') WHERE name = 'usable_from'") === null) return false
  const usableFrom = get('SELECT max(usable_from) FROM auth_schema') ?? 0
  if (usableFrom > steps.length) {
    throw new UnusableStoreError(
      `sqliteStore() cannot use the tables ${prefix}_…: they need a fastify-authenticate with schema version ` +
        `${usableFrom} or later, and this one has version ${steps.length}: update it`
    )
  }
  const names = steps.map(({ name }) => `'${name}'`).join()
  return get(`SELECT count(*) FROM auth_schema WHERE step IN (${names})`) === steps.length
}

/** Runs inside a transaction. */
export function migrate(database: SqliteDatabase, { prefix, now }: SetUpOptions): void {
  if (isCurrent(database, { prefix })) return
  const exec = (sql: string) => database.exec(withPrefix(sql, prefix))
  exec('CREATE TABLE IF NOT EXISTS auth_schema (step TEXT PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT')
  const columns = database.prepare(withPrefix("SELECT name FROM pragma_table_info('auth_schema')", prefix)).all({})
  const hasVersions = columns.some((column) => (column as { name: string }).name === 'usable_from')
  if (!hasVersions) exec('ALTER TABLE auth_schema ADD COLUMN usable_from INTEGER NOT NULL DEFAULT 1')
  const applied = database.prepare(
    withPrefix(
      'INSERT OR IGNORE INTO auth_schema (step, applied_at, usable_from) VALUES (:step, :now, :usableFrom)',
      prefix
    )
  )
  for (const { name, usableFrom, sql } of steps) {
    if (Number(applied.run({ step: name, now, usableFrom }).changes) === 1) exec(sql)
  }
}
