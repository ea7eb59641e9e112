/** Functions that only other functions call. They run with the settings of their callers. */
export const functionParts = `
  CREATE FUNCTION auth_now () RETURNS bigint LANGUAGE plpgsql AS $$
  BEGIN
    IF pg_is_in_recovery() THEN
      RAISE EXCEPTION 'sessions are kept on the primary server, and this one is a replica'
        USING ERRCODE = 'read_only_sql_transaction';
    END IF;
    RETURN floor(extract(epoch FROM clock_timestamp()) * 1000);
  END $$;

  CREATE FUNCTION auth_begin () RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    -- A higher level hides what others committed while we waited for a lock: a sign-in could miss a revokeAll().
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
      RAISE EXCEPTION 'sessions need default_transaction_isolation = ''read committed''';
    END IF;
    -- What a call has returned must survive a crash of the server.
    IF current_setting('synchronous_commit') = 'off' THEN
      PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
  END $$;

  CREATE FUNCTION auth_lock_subject (_sub text) RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock(hashtextextended(_sub, 'auth_revoked_all'::regclass::oid::bigint))
  $$;

  -- Held until the commit, so that entries become visible in the order of their numbers and no reader misses one.
  CREATE FUNCTION auth_lock_feed () RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock('auth_feed'::regclass::oid::integer, 0)
  $$;

  CREATE FUNCTION auth_put_entries (_kinds text[], _ids text[], _untils bigint[]) RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO auth_feed (kind, id, until)
      SELECT entry.kind, entry.id, entry.until
      FROM unnest(_kinds, _ids, _untils) WITH ORDINALITY AS entry (kind, id, until, place) ORDER BY place
      ON CONFLICT (kind, id) DO NOTHING;
    PERFORM pg_notify(current_schema() || '.auth_feed', '');
  END $$;

  -- The caller has locked the rows, and taken the time after that.
  CREATE FUNCTION auth_end (_ids text[], _now bigint, _lifetime_seconds bigint) RETURNS json LANGUAGE plpgsql AS $$
  DECLARE
    ended_ids text[];
    untils bigint[];
    ended json;
  BEGIN
    WITH ended AS (
      UPDATE auth_sessions
      SET revoked_at = _now,
        revoked_until = _now + greatest(_lifetime_seconds, access_lifetime_seconds) * 1000 + 60000
      WHERE id = ANY (_ids) AND revoked_at IS NULL RETURNING id, sub, revoked_until
    )
    SELECT array_agg(id ORDER BY id), array_agg(revoked_until ORDER BY id),
      coalesce(json_agg(json_build_object('id', id, 'sub', sub, 'until', revoked_until) ORDER BY id), '[]')
      INTO ended_ids, untils, ended FROM ended;
    IF ended_ids IS NOT NULL THEN
      PERFORM auth_lock_feed();
      -- An earlier entry for the same session gets a new number, for readers that have passed it.
      DELETE FROM auth_feed WHERE kind = 'session' AND id = ANY (ended_ids);
      PERFORM auth_put_entries(array_fill('session'::text, ARRAY[cardinality(ended_ids)]), ended_ids, untils);
    END IF;
    RETURN ended;
  END $$;`
