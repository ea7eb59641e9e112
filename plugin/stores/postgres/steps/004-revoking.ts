import { settings } from './004-subjects.ts'

/** Revokes one session, all of a subject, those beyond a maximum, or those in the log of another node. */
export const revoking = `
  -- Revokes the named sessions, then all others or those behind the counter, then those beyond the maximum.
  CREATE FUNCTION auth_make_room (_issuers text[], _sub text, _named text[], _raise boolean, _behind boolean,
    _except text, _max bigint, _lifetime_seconds bigint, _limit bigint,
    OUT now bigint, OUT revoked json, OUT evicted json, OUT more boolean
  ) LANGUAGE plpgsql AS $$
  DECLARE
    candidates text[];
    behind text[] := '{}';
    excess text[];
    chosen text[];
    spared boolean;
  BEGIN
    now := auth_now();
    candidates := _named;
    IF _behind THEN
      candidates := candidates || auth_behind(_issuers, _sub, now, _limit);
    END IF;
    IF _raise THEN
      candidates := candidates || auth_open(_issuers, _sub, now, _limit);
    ELSE
      candidates := candidates || auth_excess(_issuers, _sub, _named, now, _max, _limit);
    END IF;
    IF cardinality(candidates) = 0 AND NOT _raise THEN
      revoked := '[]';
      evicted := '[]';
      more := false;
      RETURN;
    END IF;
    -- Locks all in one order. Others may have changed rows meanwhile, so the choice is made again below.
    PERFORM FROM auth_sessions WHERE id = ANY (candidates || _except) ORDER BY id FOR UPDATE;
    now := auth_now();
    IF _raise THEN
      spared := EXISTS (SELECT FROM auth_sessions WHERE id = _except AND sub = _sub AND issuer = ANY (_issuers)
        AND revoked_at IS NULL AND counter >= auth_counter(issuer, sub));
      PERFORM auth_raise(_issuers, _sub, now);
      UPDATE auth_sessions SET counter = auth_counter(issuer, sub) WHERE spared AND id = _except;
    END IF;

    -- One more than the limit shows whether there are more. Rows that others have locked are left to the next call:
    -- waiting for them here would break the order of locks.
    IF _behind THEN
      behind := auth_behind(_issuers, _sub, now, _limit + 1);
    END IF;
    chosen := ARRAY(SELECT id FROM auth_sessions
      WHERE id = ANY (behind[1:_limit]) AND revoked_at IS NULL FOR UPDATE SKIP LOCKED);
    more := cardinality(chosen) < cardinality(behind);
    revoked := auth_end(_named || chosen, now, _lifetime_seconds);
    excess := auth_excess(_issuers, _sub, '{}', now, _max, _limit + 1);
    chosen := ARRAY(SELECT id FROM auth_sessions
      WHERE id = ANY (excess[1:_limit - cardinality(chosen)]) AND revoked_at IS NULL FOR UPDATE SKIP LOCKED);
    more := more OR cardinality(chosen) < cardinality(excess);
    evicted := auth_end(chosen, now, _lifetime_seconds);
  END $$;

  CREATE FUNCTION auth_revoke (_id text, _issuers text[], _sub text, _lifetime_seconds bigint,
    OUT now bigint, OUT sub text, OUT until bigint
  ) ${settings} AS $$
  #variable_conflict use_column
  BEGIN
    PERFORM auth_begin();
    PERFORM FROM auth_sessions
      WHERE id = _id AND sub = coalesce(_sub, sub) AND issuer = ANY (coalesce(_issuers, ARRAY[issuer]))
        AND revoked_at IS NULL FOR UPDATE;
    now := auth_now();
    IF FOUND THEN
      PERFORM auth_end(ARRAY[_id], now, _lifetime_seconds);
    END IF;
    SELECT session.sub, session.revoked_until INTO sub, until FROM auth_sessions AS session
      WHERE id = _id AND session.sub = coalesce(_sub, session.sub) AND issuer = ANY (coalesce(_issuers, ARRAY[issuer]))
        AND revoked_at IS NOT NULL;
  END $$;

  CREATE FUNCTION auth_revoke_all (_issuers text[], _sub text, _except text, _lifetime_seconds bigint, _limit bigint,
    OUT now bigint, OUT revoked json, OUT more boolean
  ) ${settings} AS $$
  BEGIN
    PERFORM auth_begin();
    PERFORM auth_lock_subject(_sub);
    SELECT room.now, room.revoked, room.more INTO now, revoked, more
      FROM auth_make_room(_issuers, _sub, '{}', true, true, _except, NULL, _lifetime_seconds, _limit) AS room;
  END $$;

  CREATE FUNCTION auth_trim (_issuers text[], _sub text, _max bigint, _lifetime_seconds bigint, _limit bigint,
    OUT now bigint, OUT revoked json, OUT evicted json, OUT more boolean
  ) ${settings} AS $$
  BEGIN
    PERFORM auth_begin();
    PERFORM auth_lock_subject(_sub);
    SELECT room.now, room.revoked, room.evicted, room.more INTO now, revoked, evicted, more
      FROM auth_make_room(_issuers, _sub, '{}', false, true, NULL, _max, _lifetime_seconds, _limit) AS room;
  END $$;

  CREATE FUNCTION auth_append (_kinds text[], _ids text[], _untils bigint[], _lifetime_seconds bigint,
    OUT now bigint
  ) ${settings} AS $$
  DECLARE
    named text[] := ARRAY(SELECT entry.id FROM unnest(_kinds, _ids) AS entry (kind, id) WHERE entry.kind = 'session');
    ended_ids text[];
    untils bigint[];
  BEGIN
    PERFORM auth_begin();
    PERFORM FROM auth_sessions WHERE id = ANY (named) AND revoked_at IS NULL ORDER BY id FOR UPDATE;
    now := auth_now();
    IF FOUND THEN
      WITH entry AS (
        SELECT given.id, max(given.until) AS until
        FROM unnest(_kinds, _ids, _untils) AS given (kind, id, until) WHERE given.kind = 'session' GROUP BY given.id
      ), ended AS (
        UPDATE auth_sessions AS session
        SET revoked_at = coalesce(auth_revoked_at(session), now),
          revoked_until = greatest(entry.until,
            greatest(now, rotated_at) + greatest(_lifetime_seconds, access_lifetime_seconds) * 1000 + 60000),
          sweep_at = greatest(entry.until,
            greatest(now, rotated_at) + greatest(_lifetime_seconds, access_lifetime_seconds) * 1000 + 60000)
        FROM entry WHERE session.id = ANY (named) AND session.id = entry.id AND session.revoked_at IS NULL
        RETURNING session.id, revoked_until
      )
      SELECT array_agg(id), array_agg(revoked_until) INTO ended_ids, untils FROM ended;
    END IF;
    PERFORM auth_log(_kinds || array_fill('session'::text, ARRAY[coalesce(cardinality(ended_ids), 0)]),
      _ids || ended_ids, _untils || untils);
  END $$;`
