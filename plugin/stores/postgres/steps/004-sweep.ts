import { hashOf, isOpen } from './003-subjects.ts'
import { settings } from './004-subjects.ts'

/**
 * One batch. Checks only rows that are due, and each only once: a session that was refreshed gets a new time. Skips
 * rows that others have locked; the next sweep checks them. `_from` is where the batch before ended, so that dead
 * entries of the index are not read again.
 */
export const sweep = `
  CREATE FUNCTION auth_sweep (_from bigint, _log_from bigint, _limit bigint,
    OUT swept bigint, OUT next bigint, OUT log_next bigint, OUT more boolean
  ) SET enable_sort = off ${settings} AS $$
  DECLARE
    now bigint := auth_now();
    due text[];
    due_entries bigint[];
    removed bigint;
    record auth_subjects;
  BEGIN
    PERFORM auth_begin();
    SELECT array_agg(id), max(at) INTO due, next FROM (
      SELECT id, coalesce(sweep_at, created_at) AS at FROM auth_sessions
      WHERE coalesce(sweep_at, created_at) BETWEEN _from AND now
      ORDER BY coalesce(sweep_at, created_at) LIMIT _limit FOR UPDATE SKIP LOCKED
    ) AS session;
    more := cardinality(due) = _limit;
    DELETE FROM auth_sessions WHERE id = ANY (due) AND coalesce(revoked_until, idle_expires_at) <= now;
    GET DIAGNOSTICS swept = ROW_COUNT;
    IF swept < cardinality(due) THEN
      UPDATE auth_sessions SET sweep_at = coalesce(revoked_until, idle_expires_at) WHERE id = ANY (due);
    END IF;

    -- Keeps a record while rows depend on its counter, and for the day that its time is remembered.
    removed := 0;
    FOR record IN SELECT * FROM auth_subjects WHERE sweep_at <= now ORDER BY sweep_at LIMIT 100 LOOP
      CONTINUE WHEN NOT pg_try_advisory_xact_lock(hashtextextended(record.sub, 'auth_subjects'::regclass::oid::bigint));
      removed := removed + 1;
      DELETE FROM auth_subjects WHERE number = record.number AND at <= now - 86400000 AND NOT EXISTS (
        SELECT FROM auth_sessions AS session WHERE ${hashOf('session')} = ${hashOf('record')}
          AND session.sub = record.sub AND session.issuer = record.issuer AND ${isOpen});
      IF NOT FOUND THEN
        UPDATE auth_subjects SET sweep_at = greatest(now, at) + 86400000
          WHERE number = record.number AND sweep_at <= now;
      END IF;
    END LOOP;
    more := coalesce(more, false) OR removed = 100;

    -- Keeps the newest entry, so that a reader who has read everything can resume.
    SELECT array_agg(number), max(until) INTO due_entries, log_next FROM (
      SELECT number, until FROM auth_feed
      WHERE until BETWEEN _log_from AND now AND number < (SELECT max(number) FROM auth_feed)
      ORDER BY until LIMIT _limit FOR UPDATE SKIP LOCKED
    ) AS entry;
    DELETE FROM auth_feed WHERE number = ANY (due_entries);
    more := more OR coalesce(cardinality(due_entries) = _limit, false);
    log_next := coalesce(log_next, _log_from);
    next := coalesce(next, _from);
  END $$;`
