import { belongs, given, ofSession } from './004-subjects.ts'

/**
 * The functions that were written in SQL, in PL/pgSQL, which keeps their plans: PostgreSQL plans a function in SQL
 * again in every call of the store. Their callers set how these plans are made.
 */
export const cachedPlans = `
  CREATE OR REPLACE FUNCTION auth_lock_subject (_sub text) RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(_sub, 'auth_subjects'::regclass::oid::bigint));
  END $$;

  CREATE OR REPLACE FUNCTION auth_lock_feed () RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM pg_advisory_xact_lock('auth_feed'::regclass::oid::integer, 0);
  END $$;

  CREATE OR REPLACE FUNCTION auth_counter (_issuer text, _sub text) RETURNS bigint STABLE LANGUAGE plpgsql AS $$
  BEGIN
    RETURN (SELECT coalesce(max(subject.counter), 0) FROM auth_subjects AS subject
      WHERE ${belongs('subject', given)});
  END $$;

  CREATE OR REPLACE FUNCTION auth_revoked_at (_session auth_sessions) RETURNS bigint STABLE LANGUAGE plpgsql AS $$
  BEGIN
    RETURN coalesce(_session.revoked_at, (SELECT max(subject.at) FROM auth_subjects AS subject
      WHERE ${belongs('subject', ofSession)} AND subject.counter > _session.counter));
  END $$;`
