/**
 * A notification contains the entries that were added, as `push/message.ts` reads them. PostgreSQL allows 8000 bytes:
 * what does not fit is an empty text. The code of the steps before still works: it reads the log after any text.
 */
export const pushedEntries = `
  -- A raised entry is added again, for readers that have passed the old one. The old one stays, for cursors at it.
  CREATE OR REPLACE FUNCTION auth_log (_kinds text[], _ids text[], _untils bigint[]) RETURNS void LANGUAGE plpgsql AS $$
  DECLARE
    hashes bigint[] := ARRAY(SELECT hashtextextended(id, 0) FROM unnest(_ids) AS id);
    is_short boolean := cardinality(_ids) <= 100;
    added bigint;
    message text;
  BEGIN
    PERFORM auth_lock_feed();
    WITH entry AS (
      SELECT given.kind, given.id, max(given.until) AS until, min(given.place) AS place
      FROM unnest(_kinds, _ids, _untils) WITH ORDINALITY AS given (kind, id, until, place)
      GROUP BY given.kind, given.id
    ), present AS MATERIALIZED (
      SELECT * FROM auth_feed WHERE hashtextextended(id, 0) = ANY (hashes) AND NOT superseded
    ), known AS (
      SELECT entry.*, present.number, present.until AS before FROM entry
      LEFT JOIN present ON present.id = entry.id AND present.kind = entry.kind
    ), old AS (
      UPDATE auth_feed AS feed SET superseded = true FROM known
      WHERE feed.number = known.number AND known.before < known.until
    ), new AS (
      INSERT INTO auth_feed (kind, id, until)
        SELECT known.kind, known.id, known.until FROM known
        WHERE known.number IS NULL OR known.before < known.until ORDER BY known.place
        RETURNING number, kind, id, until
    )
    SELECT count(*), json_build_object('entries', json_agg(
        json_build_array(left(kind, 1), id, until::text) ORDER BY number
      ) FILTER (WHERE is_short)) INTO added, message FROM new;
    IF added > 0 THEN
      PERFORM pg_notify(current_schema() || '.auth_feed',
        CASE WHEN is_short AND octet_length(message) < 8000 THEN message ELSE '' END);
    END IF;
  END $$;`
