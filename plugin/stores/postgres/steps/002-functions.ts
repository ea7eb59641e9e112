import { functionParts } from './002-function-parts.ts'

/**
 * The writing calls, as functions in the database: each call is one round trip and one transaction, its statements see
 * what others committed while it waited for a lock, and nothing depends on the connection (poolers may change it).
 *
 * All calls take locks in the same order, so that they cannot deadlock: subject → session rows by id → log.
 */

/**
 * For every function that the store calls. `lock_timeout` is below the caller's time limit for the whole call. A plan
 * that was made while a table was small is kept for long: it must not scan the table. If it must scan one nevertheless,
 * its estimated cost is so high that PostgreSQL would JIT-compile it, which can take a second.
 */
const settings = `SET search_path FROM CURRENT SET lock_timeout = '1500ms' SET enable_seqscan = off SET jit = off
    LANGUAGE plpgsql`

const calls = `
  CREATE FUNCTION auth_insert (_id text, _sub text, _salt text, _device text, _scope text, _claims text,
    _access_lifetime_seconds integer, _idle_ms bigint, _absolute_ms bigint,
    _end text[], _authenticated_at double precision, _lifetime_seconds bigint,
    OUT now bigint, OUT session auth_sessions, OUT ended json
  ) ${settings} AS $$
  BEGIN
    PERFORM auth_begin();
    PERFORM auth_lock_subject(_sub);
    PERFORM FROM auth_sessions WHERE id = ANY (_end) ORDER BY id FOR UPDATE;
    now := auth_now();
    IF EXISTS (
      SELECT FROM auth_revoked_all AS revoked WHERE revoked.sub = _sub AND revoked.at > _authenticated_at
    ) THEN
      RETURN;
    END IF;
    ended := auth_end(_end, now, _lifetime_seconds);
    INSERT INTO auth_sessions (id, sub, salt, device, scope, claims, access_lifetime_seconds,
      created_at, rotated_at, idle_expires_at, absolute_expires_at)
    VALUES (_id, _sub, _salt, _device, _scope, _claims, _access_lifetime_seconds,
      now, now, now + least(_idle_ms, _absolute_ms), now + _absolute_ms)
    RETURNING * INTO session;
  END $$;

  CREATE FUNCTION auth_rotate (_id text, _from bigint, _to bigint, _min_age_ms bigint, _idle_ms bigint,
    OUT applied boolean, OUT now bigint, OUT session auth_sessions
  ) ${settings} AS $$
  BEGIN
    PERFORM auth_begin();
    -- After waiting for the lock, PostgreSQL compares the changed row again; a row that does not match is not locked.
    -- Compares the absolute difference in time, so that a clock that was set back does not stop refreshing.
    PERFORM FROM auth_sessions
      WHERE id = _id AND revoked_at IS NULL AND generation = _from
        AND abs(auth_now() - rotated_at) >= _min_age_ms FOR UPDATE;
    applied := FOUND;
    now := auth_now();
    IF applied THEN
      UPDATE auth_sessions
        SET generation = _to, rotated_at = now, idle_expires_at = least(now + _idle_ms, absolute_expires_at)
        WHERE id = _id AND idle_expires_at > now RETURNING * INTO session;
      applied := FOUND;
    END IF;
    IF NOT applied THEN
      SELECT * INTO session FROM auth_sessions WHERE id = _id;
      now := auth_now();
    END IF;
  END $$;

  CREATE FUNCTION auth_count_retry (_id text, _generation bigint, _retries text, _keep text, _idle_ms bigint,
    OUT applied boolean, OUT now bigint, OUT session auth_sessions
  ) ${settings} AS $$
  BEGIN
    PERFORM auth_begin();
    PERFORM FROM auth_sessions
      WHERE id = _id AND revoked_at IS NULL AND generation = _generation AND retries = _retries FOR UPDATE;
    applied := FOUND;
    now := auth_now();
    IF applied THEN
      UPDATE auth_sessions
        SET retries = concat_ws(',', nullif(_keep, ''), now),
          idle_expires_at = least(now + _idle_ms, absolute_expires_at)
        WHERE id = _id AND idle_expires_at > now RETURNING * INTO session;
      applied := FOUND;
    END IF;
    IF NOT applied THEN
      SELECT * INTO session FROM auth_sessions WHERE id = _id;
      now := auth_now();
    END IF;
  END $$;

  CREATE FUNCTION auth_revoke (_id text, _sub text, _lifetime_seconds bigint)
  RETURNS TABLE (sub text, until bigint) ${settings} AS $$
  #variable_conflict use_column
  BEGIN
    PERFORM auth_begin();
    PERFORM FROM auth_sessions WHERE id = _id AND sub = coalesce(_sub, sub) AND revoked_at IS NULL FOR UPDATE;
    IF FOUND THEN
      PERFORM auth_end(ARRAY[_id], auth_now(), _lifetime_seconds);
    END IF;
    RETURN QUERY SELECT sub, revoked_until FROM auth_sessions
      WHERE id = _id AND sub = coalesce(_sub, sub) AND revoked_at IS NOT NULL;
  END $$;

  CREATE FUNCTION auth_revoke_all (_sub text, _except text, _lifetime_seconds bigint) RETURNS json ${settings} AS $$
  DECLARE
    now bigint;
  BEGIN
    PERFORM auth_begin();
    PERFORM auth_lock_subject(_sub);
    PERFORM FROM auth_sessions WHERE hashtextextended(sub, 0) = hashtextextended(_sub, 0) AND sub = _sub
      AND revoked_at IS NULL AND id IS DISTINCT FROM _except ORDER BY id FOR UPDATE;
    now := auth_now();
    INSERT INTO auth_revoked_all AS revoked (sub, at) VALUES (_sub, now)
      ON CONFLICT (sub) DO UPDATE SET at = greatest(revoked.at, excluded.at);
    RETURN auth_end(ARRAY(
      SELECT id FROM auth_sessions WHERE hashtextextended(sub, 0) = hashtextextended(_sub, 0) AND sub = _sub
        AND idle_expires_at > now AND id IS DISTINCT FROM _except
    ), now, _lifetime_seconds);
  END $$;

  CREATE FUNCTION auth_add_entries (_kinds text[], _ids text[], _untils bigint[]) RETURNS void ${settings} AS $$
  BEGIN
    PERFORM auth_begin();
    PERFORM auth_lock_feed();
    PERFORM auth_put_entries(_kinds, _ids, _untils);
  END $$;`

const sweep = `
  -- Skips rows that others have locked; the next sweep removes them.
  CREATE FUNCTION auth_sweep (_limit integer, OUT swept integer, OUT more boolean) ${settings} AS $$
  DECLARE
    now bigint := auth_now();
    removed integer;
  BEGIN
    PERFORM auth_begin();
    DELETE FROM auth_sessions WHERE id = ANY (ARRAY(
      SELECT id FROM auth_sessions WHERE gone <= now / 21600000 AND coalesce(revoked_until, idle_expires_at) <= now
      LIMIT _limit FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS swept = ROW_COUNT;
    more := swept = _limit;

    DELETE FROM auth_revoked_all WHERE sub = ANY (ARRAY(
      SELECT sub FROM auth_revoked_all WHERE at <= now - 86400000 LIMIT _limit FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS removed = ROW_COUNT;
    more := more OR removed = _limit;

    IF EXISTS (SELECT FROM auth_feed WHERE until <= now) THEN
      PERFORM auth_lock_feed();
      -- Keeps the newest entry, so that a reader who has read everything can resume.
      DELETE FROM auth_feed WHERE number = ANY (ARRAY(
        SELECT number FROM auth_feed
        WHERE until <= now AND number < (SELECT max(number) FROM auth_feed) LIMIT _limit));
      GET DIAGNOSTICS removed = ROW_COUNT;
      more := more OR removed = _limit;
    END IF;
  END $$;`

export const functions = functionParts + calls + sweep
