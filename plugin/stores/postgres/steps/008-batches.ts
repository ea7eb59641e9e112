import { settings } from './004-subjects.ts'
import { slide } from './005-session-limits.ts'

/** Their plans are made once: what a batch costs does not depend on how many calls it has. */
const batchSettings = `SET plan_cache_mode = force_generic_plan ${settings}`

/**
 * Several calls of `auth_find()` or `auth_rotate()` in one transaction. A batch never waits for a row that another
 * transaction has locked: it would delay the other calls, and two batches could deadlock.
 */
export const batches = `
  CREATE FUNCTION auth_find_many (_ids text[], OUT place integer, OUT now bigint, OUT session auth_sessions
  ) RETURNS SETOF record ${batchSettings} AS $$
  DECLARE
    _id text;
  BEGIN
    place := 0;
    FOREACH _id IN ARRAY _ids LOOP
      place := place + 1;
      now := auth_now();
      session := auth_session(_id);
      RETURN NEXT;
    END LOOP;
  END $$;

  -- Returns no row for a call whose session is locked: the store makes that call alone.
  CREATE FUNCTION auth_rotate_many (_ids text[], _from_generations bigint[], _to_generations bigint[],
    _min_ages_ms bigint[], _idles_ms bigint[], _access_lifetimes integer[],
    OUT place integer, OUT applied boolean, OUT now bigint, OUT session auth_sessions
  ) RETURNS SETOF record ${batchSettings} AS $$
  DECLARE
    _id text;
    _from bigint;
    _to bigint;
    _min_age_ms bigint;
    _idle_ms bigint;
    _access_lifetime_seconds integer;
  BEGIN
    PERFORM auth_begin();
    FOR _id, _from, _to, _min_age_ms, _idle_ms, _access_lifetime_seconds, place IN
      SELECT * FROM unnest(_ids, _from_generations, _to_generations, _min_ages_ms, _idles_ms, _access_lifetimes)
        WITH ORDINALITY
    LOOP
      PERFORM FROM auth_sessions
        WHERE id = _id AND revoked_at IS NULL AND generation = _from AND abs(auth_now() - rotated_at) >= _min_age_ms
        FOR UPDATE SKIP LOCKED;
      applied := FOUND;
      now := auth_now();
      IF applied THEN
        UPDATE auth_sessions SET generation = _to, rotated_at = now, ${slide}
          WHERE id = _id AND idle_expires_at > now AND counter >= auth_counter(issuer, sub) RETURNING * INTO session;
        applied := FOUND;
      END IF;
      IF NOT applied THEN
        session := auth_session(_id);
        now := auth_now();
        CONTINUE WHEN session.revoked_at IS NULL AND session.generation = _from
          AND session.idle_expires_at > now AND abs(now - session.rotated_at) >= _min_age_ms;
      END IF;
      RETURN NEXT;
    END LOOP;
  END $$;`
