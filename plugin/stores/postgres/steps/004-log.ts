/** The revocation log. */
export const log = `
  -- A raised entry is added again, for readers that have passed the old one. The old one stays, for cursors at it.
  CREATE FUNCTION auth_log (_kinds text[], _ids text[], _untils bigint[]) RETURNS void LANGUAGE plpgsql AS $$
  DECLARE
    hashes bigint[] := ARRAY(SELECT hashtextextended(id, 0) FROM unnest(_ids) AS id);
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
    )
    INSERT INTO auth_feed (kind, id, until)
      SELECT known.kind, known.id, known.until FROM known
      WHERE known.number IS NULL OR known.before < known.until ORDER BY known.place;
    IF FOUND THEN
      PERFORM pg_notify(current_schema() || '.auth_feed', '');
    END IF;
  END $$;

  -- The caller has locked the rows, and taken the time after that.
  CREATE FUNCTION auth_end (_ids text[], _now bigint, _lifetime_seconds bigint) RETURNS json LANGUAGE plpgsql AS $$
  DECLARE
    ended_ids text[];
    untils bigint[];
    ended json;
  BEGIN
    WITH ended AS (
      UPDATE auth_sessions AS session
      SET revoked_at = coalesce(auth_revoked_at(session), _now),
        revoked_until = greatest(_now, rotated_at)
          + greatest(_lifetime_seconds, access_lifetime_seconds) * 1000 + 60000,
        sweep_at = greatest(_now, rotated_at) + greatest(_lifetime_seconds, access_lifetime_seconds) * 1000 + 60000
      WHERE id = ANY (_ids) AND revoked_at IS NULL RETURNING id, sub, revoked_until
    )
    SELECT array_agg(id ORDER BY id), array_agg(revoked_until ORDER BY id),
      coalesce(json_agg(json_build_object('id', id, 'sub', sub, 'until', revoked_until) ORDER BY id), '[]')
      INTO ended_ids, untils, ended FROM ended;
    IF ended_ids IS NOT NULL THEN
      PERFORM auth_log(array_fill('session'::text, ARRAY[cardinality(ended_ids)]), ended_ids, untils);
    END IF;
    RETURN ended;
  END $$;`
