/** Reading asks for the time first, also where there is no row: that refuses to read a replica. */
export const createStatements = (schema: string) => ({
  find: `SELECT clock.now, session.* FROM (SELECT ${schema}.auth_now() AS now) AS clock
    LEFT JOIN ${schema}.auth_sessions AS session ON session.id = $1`,
  list: `SELECT session.* FROM (SELECT ${schema}.auth_now() AS now) AS clock
    LEFT JOIN ${schema}.auth_sessions AS session ON hashtextextended(session.sub, 0) = hashtextextended($1, 0)
      AND session.sub = $1 AND session.revoked_at IS NULL AND session.idle_expires_at > clock.now
    ORDER BY session.created_at, session.id`,
  // The page, and whether the cursor is one of this feed, are of one snapshot.
  readFeed: `SELECT clock.now, known.resumed, page.* FROM (SELECT ${schema}.auth_now() AS now) AS clock
    CROSS JOIN (SELECT $1::bigint = 0 OR EXISTS (SELECT FROM ${schema}.auth_feed WHERE number = $1 AND mark = $2::uuid) AS resumed) AS known
    LEFT JOIN LATERAL (
      SELECT number, mark, kind, id, until FROM ${schema}.auth_feed
      WHERE number > CASE WHEN known.resumed THEN $1 ELSE 0 END ORDER BY number LIMIT $3
    ) AS page ON true`,
  insert: `SELECT now, (session).*, ended::text FROM ${schema}.auth_insert($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
  rotate: `SELECT applied, now, (session).* FROM ${schema}.auth_rotate($1, $2, $3, $4, $5)`,
  countRetry: `SELECT applied, now, (session).* FROM ${schema}.auth_count_retry($1, $2, $3, $4, $5)`,
  revoke: `SELECT sub, until FROM ${schema}.auth_revoke($1, $2, $3)`,
  revokeAll: `SELECT ${schema}.auth_revoke_all($1, $2, $3)::text AS ended`,
  addEntries: `SELECT ${schema}.auth_add_entries($1, $2, $3)`,
  sweep: `SELECT swept, more FROM ${schema}.auth_sweep($1)`
})
