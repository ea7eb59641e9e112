import type { SqliteDatabase, SqliteStatement } from './database.ts'
import { withPrefix } from './prefix.ts'

/** The subject `:sub` under each of `:issuers` (a JSON array), with its record if it has one. */
const ofSubjects = `json_each(:issuers) AS issuers
  LEFT JOIN auth_subjects AS subjects ON subjects.sub = :sub AND subjects.issuer = issuers.value`

/** Their live sessions. Reads only those from the index, not the revoked and the expired ones. */
const liveSessions = `${ofSubjects}
  CROSS JOIN auth_sessions AS sessions INDEXED BY auth_sessions_open ON sessions.revoked_until IS NULL
    AND sessions.sub = :sub AND sessions.issuer = issuers.value AND sessions.counter = coalesce(subjects.counter, 0)
    AND sessions.idle_expires_at > :now`

/** Their sessions that a `revokeAll()` has revoked and that are not in the log yet. */
const sessionsBehind = `${ofSubjects}
  CROSS JOIN auth_sessions AS sessions INDEXED BY auth_sessions_open ON sessions.revoked_until IS NULL
    AND sessions.sub = :sub AND sessions.issuer = issuers.value AND sessions.counter < subjects.counter
    AND sessions.idle_expires_at > :now`

/** Sets `revoked_all_at` if the subject's counter is higher than the row's. */
const rowsWith = (condition: string) => `SELECT sessions.*,
    CASE WHEN sessions.counter < subjects.counter THEN subjects.revoked_all_at END AS revoked_all_at
  FROM auth_sessions AS sessions
  LEFT JOIN auth_subjects AS subjects ON subjects.sub = sessions.sub AND subjects.issuer = sessions.issuer
  WHERE ${condition}`

const isLive = `id = :id AND revoked_at IS NULL AND idle_expires_at > :now AND counter >= coalesce(
  (SELECT counter FROM auth_subjects WHERE sub = auth_sessions.sub AND issuer = auth_sessions.issuer), 0)`

const slide = `idle_expires_at = min(:now + :idleMs, :now + coalesce(idle_limit_ms, :idleMs), absolute_expires_at),
  access_lifetime_seconds = max(access_lifetime_seconds, :accessLifetimeSeconds)`

const sql = {
  insert: `INSERT INTO auth_sessions (id, issuer, sub, salt, counter, generation, created_at, rotated_at, retries,
      idle_expires_at, idle_limit_ms, absolute_expires_at, access_lifetime_seconds, device, scope, claims, details)
    VALUES (:id, :issuer, :sub, :salt,
      coalesce((SELECT counter FROM auth_subjects WHERE sub = :sub AND issuer = :issuer), 0), 0, :now, :now, '[]',
      :now + min(:idleMs, coalesce(:idleLimitMs, :idleMs), :absoluteMs), :idleLimitMs, :now + :absoluteMs,
      :accessLifetimeSeconds, :device, :scope, :claims, :details)`,
  find: rowsWith('sessions.id = :id'),
  // By the absolute difference, so that a clock that was set back does not stop refreshing.
  rotate: `UPDATE auth_sessions SET generation = :to, rotated_at = :now, ${slide}
    WHERE ${isLive} AND generation = :from AND abs(:now - rotated_at) >= :minAgeMs RETURNING *`,
  countRetry: `UPDATE auth_sessions SET retries = :counted, ${slide}
    WHERE ${isLive} AND generation = :generation AND retries = :retries RETURNING *`,
  countRepeat: `UPDATE auth_sessions SET repeated_generation = :repeated, repeat_streak = :streak
    WHERE ${isLive} AND generation = :generation AND coalesce(repeated_generation, -1) < :repeated RETURNING *`,
  revoke: 'UPDATE auth_sessions SET revoked_at = :revokedAt, revoked_until = :until WHERE id = :id',

  countLive: `SELECT count(*) FROM (SELECT 1 FROM ${liveSessions} LIMIT :limit)`,
  leastRecent: `${rowsWith(`sessions.rowid IN (SELECT sessions.rowid FROM ${liveSessions}
      ORDER BY sessions.rotated_at, sessions.created_at, sessions.rowid LIMIT :limit)`)}
    ORDER BY sessions.rotated_at, sessions.created_at, sessions.rowid`,
  list: `${rowsWith(`sessions.rowid IN (SELECT sessions.rowid FROM ${liveSessions}
      ORDER BY sessions.rotated_at DESC, sessions.rowid LIMIT :limit)`)}
    ORDER BY sessions.created_at, sessions.rowid`,
  behind: rowsWith(`sessions.rowid IN (SELECT sessions.rowid FROM ${sessionsBehind} LIMIT :limit)`),

  revokedAllAt: `SELECT max(revoked_all_at) FROM ${ofSubjects}`,
  correctRevokedAllAt: `UPDATE auth_subjects SET revoked_all_at = :now
    WHERE sub = :sub AND issuer IN (SELECT value FROM json_each(:issuers)) AND revoked_all_at > :now`,
  // Greater than the counter of any row, even if the record was removed meanwhile.
  raise: `INSERT INTO auth_subjects (sub, issuer, counter, revoked_all_at, check_at)
    SELECT :sub, value, max(1, :now), :now, :checkAt FROM json_each(:issuers) WHERE true
    ON CONFLICT (sub, issuer) DO UPDATE
      SET counter = max(counter + 1, :now), revoked_all_at = :now, check_at = :checkAt`,
  isCurrent: `SELECT 1 FROM ${ofSubjects} JOIN auth_sessions AS sessions ON sessions.id = :id
    AND sessions.sub = :sub AND sessions.issuer = issuers.value AND sessions.counter = coalesce(subjects.counter, 0)`,
  spare: `UPDATE auth_sessions
    SET counter = (SELECT counter FROM auth_subjects WHERE sub = auth_sessions.sub AND issuer = auth_sessions.issuer)
    WHERE id = :id`,

  findEntry: 'SELECT number, until FROM auth_feed WHERE kind = :kind AND id = :id',
  appendEntry: 'INSERT INTO auth_feed (mark, kind, id, until) VALUES (:mark, :kind, :id, :until)',
  // Keeps the number, so that a reader whose cursor is at this entry can resume.
  emptyEntry: "UPDATE auth_feed SET kind = '', id = number WHERE number = :number",
  entryAt: 'SELECT number FROM auth_feed WHERE number = :number AND mark = :mark',
  entriesAfter: "SELECT * FROM auth_feed WHERE number > :number AND kind <> '' ORDER BY number LIMIT :limit",

  // Each reads only what is due, by its index.
  sweepSessions: `DELETE FROM auth_sessions WHERE rowid IN (SELECT rowid FROM auth_sessions
    INDEXED BY auth_sessions_gone WHERE coalesce(revoked_until, idle_expires_at) <= :now LIMIT :limit)`,
  // Keeps the newest entry, so that a reader who has read everything can resume.
  sweepLog: `DELETE FROM auth_feed WHERE number IN (SELECT number FROM auth_feed INDEXED BY auth_feed_until
    WHERE until <= :now AND number < (SELECT max(number) FROM auth_feed) LIMIT :limit)`,
  dueSubjects:
    'SELECT sub, issuer FROM auth_subjects INDEXED BY auth_subjects_check WHERE check_at <= :now LIMIT :limit',
  // Keeps the record while sessions depend on its counter, and sets when to check again.
  keepSubject: `UPDATE auth_subjects SET check_at = :checkAt WHERE sub = :sub AND issuer = :issuer AND EXISTS
    (SELECT 1 FROM auth_sessions WHERE sub = :sub AND issuer = :issuer AND revoked_until IS NULL)`,
  removeSubject: 'DELETE FROM auth_subjects WHERE sub = :sub AND issuer = :issuer'
}

export type Statements = Record<keyof typeof sql, SqliteStatement>

export function prepareStatements(database: SqliteDatabase, prefix: string): Statements {
  return Object.fromEntries(
    Object.entries(sql).map(([name, text]) => [name, database.prepare(withPrefix(text, prefix))])
  ) as Statements
}
