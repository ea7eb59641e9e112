import { hashOf } from './003-subjects.ts'
import { compareAndSet } from './004-changing.ts'
import { settings } from './004-subjects.ts'

// The sweep must check the row no later than it expires. Usually `sweep_at` stays, and the index does not change.
export const slide = `idle_expires_at = least(now + _idle_ms, now + idle_limit_ms, absolute_expires_at),
          sweep_at = least(sweep_at, now + _idle_ms, now + idle_limit_ms, absolute_expires_at),
          access_lifetime_seconds = greatest(access_lifetime_seconds, _access_lifetime_seconds)`

/**
 * Sessions have an idle limit of their own, and details that no function reads. `least()` ignores NULL.
 *
 * The code of the step before still works: it calls the functions with the parameters that it knows. The limit holds
 * for its refreshes too.
 */
export const sessionLimits = `
  ALTER TABLE auth_sessions ADD COLUMN idle_limit_ms bigint, ADD COLUMN details text;

  DROP FUNCTION auth_insert, auth_rotate, auth_count_retry;

  CREATE FUNCTION auth_insert (_id text, _issuer text, _sub text, _salt text, _device text, _scope text, _claims text,
    _access_lifetime_seconds integer, _idle_ms bigint, _absolute_ms bigint,
    _issuers text[], _named text[], _revoke_others boolean, _max bigint, _authenticated_age double precision,
    _lifetime_seconds bigint, _limit bigint, _idle_limit_ms bigint DEFAULT NULL, _details text DEFAULT NULL,
    OUT now bigint, OUT session auth_sessions, OUT revoked json, OUT evicted json, OUT more boolean
  ) ${settings} AS $$
  DECLARE
    -- The time when the statement arrived, before waiting for any lock, because the age is that at sending.
    authenticated_at double precision := floor(extract(epoch FROM statement_timestamp()) * 1000) - _authenticated_age;
    keys bigint[] := ARRAY(SELECT hashtextextended(_sub, hashtextextended(issuer, 0)) FROM unnest(_issuers) AS issuer);
    refusing bigint[];
    expires_in bigint := least(_idle_ms, _idle_limit_ms, _absolute_ms);
  BEGIN
    PERFORM auth_begin();
    PERFORM auth_lock_subject(_sub);
    now := auth_now();
    IF EXISTS (SELECT FROM auth_sessions WHERE id = _id) THEN
      RAISE EXCEPTION 'a session with this id exists' USING ERRCODE = 'unique_violation';
    END IF;
    IF _authenticated_age IS NOT NULL THEN
      refusing := ARRAY(SELECT number FROM auth_subjects WHERE ${hashOf('auth_subjects')} = ANY (keys)
        AND sub = _sub AND issuer = ANY (_issuers) AND at >= authenticated_at);
      IF cardinality(refusing) > 0 THEN
        UPDATE auth_subjects SET at = now WHERE number = ANY (refusing) AND at > now;
        RETURN;
      END IF;
    END IF;
    SELECT room.now, room.revoked, room.evicted, room.more INTO now, revoked, evicted, more
      FROM auth_make_room(_issuers, _sub, _named, _revoke_others, _revoke_others, NULL, _max - 1, _lifetime_seconds,
        _limit) AS room;
    INSERT INTO auth_sessions (id, issuer, sub, salt, device, scope, claims, details, access_lifetime_seconds, counter,
      created_at, rotated_at, idle_expires_at, idle_limit_ms, absolute_expires_at, sweep_at)
    VALUES (_id, _issuer, _sub, _salt, _device, _scope, _claims, _details, _access_lifetime_seconds,
      auth_counter(_issuer, _sub), now, now, now + expires_in, _idle_limit_ms, now + _absolute_ms, now + expires_in)
    RETURNING * INTO session;
  END $$;
  ${compareAndSet('auth_rotate', {
    parameters: '_from bigint, _to bigint, _min_age_ms bigint, _idle_ms bigint, _access_lifetime_seconds integer',
    // By the absolute difference in time, so that a clock that was set back does not stop refreshing.
    condition: 'generation = _from AND abs(auth_now() - rotated_at) >= _min_age_ms',
    change: `generation = _to, rotated_at = now, ${slide}`
  })}
  ${compareAndSet('auth_count_retry', {
    parameters: '_generation bigint, _retries text, _keep text, _idle_ms bigint, _access_lifetime_seconds integer',
    condition: 'generation = _generation AND retries = _retries',
    change: `retries = concat_ws(',', nullif(_keep, ''), now), ${slide}`
  })}`
