import { hashOf, isOpen } from './003-subjects.ts'

/**
 * For every function that the store calls. `lock_timeout` is below the caller's time limit for the whole call. A plan
 * that was made while a table was small is kept for long: it must scan neither the table nor, despite a LIMIT, all
 * matching rows (as a bitmap does). If it must scan nevertheless, its estimated cost is so high that PostgreSQL would
 * JIT-compile it, which can take a second.
 */
export const settings = `SET search_path FROM CURRENT SET lock_timeout = '1500ms'
    SET enable_seqscan = off SET enable_bitmapscan = off SET jit = off LANGUAGE plpgsql`

/** Selects the rows of a subject of one issuer, by the index of hashes. */
export const belongs = (row: string, { issuer, sub }: Record<'issuer' | 'sub', string>) =>
  `${hashOf(row)} = hashtextextended(${sub}, hashtextextended(${issuer}, 0))
      AND ${row}.sub = ${sub} AND ${row}.issuer = ${issuer}`

export const given = { issuer: '_issuer', sub: '_sub' }
export const ofSession = { issuer: '(_session).issuer', sub: '(_session).sub' }

/** The counter of a subject: rows behind it are revoked. */
export const subjects = `
  CREATE FUNCTION auth_lock_subject (_sub text) RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock(hashtextextended(_sub, 'auth_subjects'::regclass::oid::bigint))
  $$;

  CREATE FUNCTION auth_counter (_issuer text, _sub text) RETURNS bigint STABLE LANGUAGE sql AS $$
    SELECT coalesce(max(subject.counter), 0) FROM auth_subjects AS subject
    WHERE ${belongs('subject', given)}
  $$;

  -- A row behind the counter of its subject was revoked when the counter was raised.
  CREATE FUNCTION auth_revoked_at (_session auth_sessions) RETURNS bigint STABLE LANGUAGE sql AS $$
    SELECT coalesce(_session.revoked_at, (SELECT max(subject.at) FROM auth_subjects AS subject
      WHERE ${belongs('subject', ofSession)} AND subject.counter > _session.counter))
  $$;

  CREATE FUNCTION auth_session (_id text) RETURNS auth_sessions LANGUAGE plpgsql AS $$
  DECLARE
    session auth_sessions;
  BEGIN
    SELECT * INTO session FROM auth_sessions WHERE id = _id;
    session.revoked_at := auth_revoked_at(session);
    RETURN session;
  END $$;

  -- The caller holds the lock of the subject. The sweep removes a record only if no row depends on it.
  CREATE FUNCTION auth_raise (_issuers text[], _sub text, _now bigint) RETURNS void LANGUAGE plpgsql AS $$
  DECLARE
    _issuer text;
  BEGIN
    FOREACH _issuer IN ARRAY ARRAY(SELECT DISTINCT unnest(_issuers)) LOOP
      UPDATE auth_subjects AS subject SET counter = greatest(counter + 1, _now), at = _now, sweep_at = _now + 86400000
        WHERE ${belongs('subject', given)};
      IF NOT FOUND THEN
        INSERT INTO auth_subjects (issuer, sub, counter, at, sweep_at)
          VALUES (_issuer, _sub, greatest(_now, 1), _now, _now + 86400000);
      END IF;
    END LOOP;
  END $$;`

/** The variables of `live` and `behind`. Without a join, no plan can read the whole index. */
const owners = `keys bigint[] := ARRAY(
      SELECT hashtextextended(_sub, hashtextextended(issuer, 0)) FROM unnest(_issuers) AS issuer);
    counters bigint[] := ARRAY(SELECT auth_counter(issuer, _sub)
      FROM unnest(_issuers) WITH ORDINALITY AS owner (issuer, place) ORDER BY place);
    lowest bigint := (SELECT min(counter) FROM unnest(counters) AS counter);
    highest bigint := (SELECT max(counter) FROM unnest(counters) AS counter);`

const open = `${hashOf('auth_sessions')} = ANY (keys) AND ${isOpen}
      AND sub = _sub AND issuer = ANY (_issuers) AND idle_expires_at > _now`
const counter = 'counters[array_position(_issuers, issuer)]'
const live = `${open} AND counter >= lowest AND counter >= ${counter}`
const behind = `${open} AND counter < highest AND counter < ${counter}`

/** The rows of a subject that a call may have to revoke: at most `_limit`, so that each call is short. */
export const choices = `
  CREATE FUNCTION auth_open (_issuers text[], _sub text, _now bigint, _limit bigint
  ) RETURNS text[] LANGUAGE plpgsql AS $$
  DECLARE
    ${owners}
  BEGIN
    RETURN ARRAY(SELECT id FROM auth_sessions WHERE ${open} LIMIT _limit);
  END $$;

  CREATE FUNCTION auth_behind (_issuers text[], _sub text, _now bigint, _limit bigint
  ) RETURNS text[] LANGUAGE plpgsql AS $$
  DECLARE
    ${owners}
  BEGIN
    RETURN ARRAY(SELECT id FROM auth_sessions WHERE ${behind} LIMIT _limit);
  END $$;

  -- The least recently rotated sessions beyond the maximum. The named ones do not count: they are revoked anyway.
  CREATE FUNCTION auth_excess (_issuers text[], _sub text, _named text[], _now bigint, _max bigint, _limit bigint
  ) RETURNS text[] LANGUAGE plpgsql AS $$
  DECLARE
    ${owners}
    excess bigint := (
      SELECT count(*) FROM auth_sessions WHERE _max IS NOT NULL AND ${live} AND id <> ALL (_named)) - _max;
  BEGIN
    IF coalesce(excess, 0) <= 0 THEN
      RETURN '{}';
    END IF;
    RETURN ARRAY(SELECT id FROM auth_sessions WHERE ${live} AND id <> ALL (_named)
      ORDER BY rotated_at, created_at LIMIT least(excess, _limit));
  END $$;

  -- list() reads the index auth_sessions_open.
  CREATE FUNCTION auth_list (_issuers text[], _sub text, _limit bigint) RETURNS SETOF auth_sessions ${settings} AS $$
  DECLARE
    _now bigint := auth_now();
    ${owners}
  BEGIN
    RETURN QUERY SELECT * FROM auth_sessions WHERE ${live} ORDER BY rotated_at DESC, created_at DESC LIMIT _limit;
  END $$;`
