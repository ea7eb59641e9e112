import type { SqliteDatabase, SqliteStatement } from './client.ts'

/** How many rows one transaction of `sweep()` removes: other writers wait that long. */
export const sweepRows = 1000

const sql = {
  insert: `INSERT INTO auth_sessions (id, sub, salt, generation, created_at, rotated_at, retries, idle_expires_at,
      absolute_expires_at, access_lifetime_seconds, device, scope, claims)
    VALUES (:id, :sub, :salt, 0, :now, :now, '[]', :idleExpiresAt, :absoluteExpiresAt, :accessLifetimeSeconds, :device, :scope, :claims)`,
  find: 'SELECT * FROM auth_sessions WHERE id = :id',
  // The distance in time, not the difference: a clock that was set back must not stop refreshing.
  rotate: `UPDATE auth_sessions SET generation = :to, rotated_at = :now, idle_expires_at = min(:now + :idleMs, absolute_expires_at)
    WHERE id = :id AND revoked_at IS NULL AND idle_expires_at > :now AND generation = :from AND abs(:now - rotated_at) >= :minAgeMs
    RETURNING *`,
  countRetry: `UPDATE auth_sessions SET retries = :counted, idle_expires_at = min(:now + :idleMs, absolute_expires_at)
    WHERE id = :id AND revoked_at IS NULL AND idle_expires_at > :now AND generation = :generation AND retries = :retries
    RETURNING *`,
  end: 'UPDATE auth_sessions SET revoked_at = :now, revoked_until = :until WHERE id = :id',
  ofSubject: 'SELECT * FROM auth_sessions WHERE sub = :sub ORDER BY created_at, rowid',
  revokedAll: 'SELECT at FROM auth_revoked_all WHERE sub = :sub',
  rememberRevokedAll: 'INSERT INTO auth_revoked_all (sub, at) VALUES (:sub, :now) ON CONFLICT (sub) DO UPDATE SET at = max(at, :now)',
  addEntry: 'INSERT OR IGNORE INTO auth_feed (mark, kind, id, until) VALUES (:mark, :kind, :id, :until)',
  // A new number in place of an earlier entry for the same session: readers that are past that one must see this one.
  putEntry: 'INSERT OR REPLACE INTO auth_feed (mark, kind, id, until) VALUES (:mark, :kind, :id, :until)',
  entryAt: 'SELECT number FROM auth_feed WHERE number = :number AND mark = :mark',
  entriesAfter: 'SELECT * FROM auth_feed WHERE number > :number ORDER BY number LIMIT :limit',
  sweepSessions: `DELETE FROM auth_sessions WHERE rowid IN
    (SELECT rowid FROM auth_sessions WHERE coalesce(revoked_until, idle_expires_at) <= :now LIMIT ${sweepRows})`,
  sweepRevokedAll: 'DELETE FROM auth_revoked_all WHERE at <= :now',
  // The newest entry stays, so that the cursor of a reader who has read all remains one that can be resumed.
  sweepFeed: 'DELETE FROM auth_feed WHERE until <= :now AND number < (SELECT max(number) FROM auth_feed)'
}

export function prepareStatements (database: SqliteDatabase) {
  return Object.fromEntries(Object.entries(sql).map(([name, text]) => [name, database.prepare(text)])) as
    Record<keyof typeof sql, SqliteStatement>
}
