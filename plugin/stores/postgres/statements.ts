/**
 * A session as one text: `pg` describes and parses each column of each row, which costs more than the JSON. What the
 * application has configured as parsers of other types does not matter either.
 */
const session = 'to_json(session)::text AS session'

/** Reading calls `auth_now()` first, even if there is no row: it raises an error on a replica. */
export const createStatements = (schema: string) => ({
  time: `SELECT ${schema}.auth_now() AS now`,
  find: `SELECT now, ${session} FROM ${schema}.auth_find($1)`,
  findMany: `SELECT place, now, ${session} FROM ${schema}.auth_find_many($1)`,
  list: `SELECT clock.now, ${session} FROM (SELECT ${schema}.auth_now() AS now) AS clock
    LEFT JOIN ${schema}.auth_list($1, $2, $3) AS session ON true ORDER BY session.created_at, session.id`,
  // One snapshot for the page and for whether the cursor belongs to this log.
  readRevocations: `SELECT clock.now, known.resumed, page.* FROM (SELECT ${schema}.auth_now() AS now) AS clock
    CROSS JOIN (
      SELECT $1::bigint = 0 OR EXISTS (SELECT FROM ${schema}.auth_feed WHERE number = $1 AND mark::text = $2) AS resumed
    ) AS known
    LEFT JOIN LATERAL (
      SELECT number, mark, kind, id, until FROM ${schema}.auth_feed
      WHERE number > CASE WHEN known.resumed THEN $1 ELSE 0 END AND NOT superseded ORDER BY number LIMIT $3
    ) AS page ON true`,
  insert: `SELECT now, ${session}, revoked::text, evicted::text, more
    FROM ${schema}.auth_insert($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`,
  rotate: `SELECT applied, now, ${session} FROM ${schema}.auth_rotate($1, $2, $3, $4, $5, $6)`,
  rotateMany: `SELECT place, applied, now, ${session} FROM ${schema}.auth_rotate_many($1, $2, $3, $4, $5, $6)`,
  countRetry: `SELECT applied, now, ${session} FROM ${schema}.auth_count_retry($1, $2, $3, $4, $5, $6)`,
  countRepeat: `SELECT applied, now, ${session} FROM ${schema}.auth_count_repeat($1, $2, $3, $4)`,
  revoke: `SELECT now, sub, until FROM ${schema}.auth_revoke($1, $2, $3, $4)`,
  revokeAll: `SELECT now, revoked::text, more FROM ${schema}.auth_revoke_all($1, $2, $3, $4, $5)`,
  trim: `SELECT now, revoked::text, evicted::text, more FROM ${schema}.auth_trim($1, $2, $3, $4, $5)`,
  appendRevocations: `SELECT now FROM ${schema}.auth_append($1, $2, $3, $4)`,
  sweep: `SELECT swept, next, log_next, more FROM ${schema}.auth_sweep($1, $2, $3)`
})
