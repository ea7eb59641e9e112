import { hashOf, isOpen } from './003-subjects.ts'
import { settings } from './004-subjects.ts'

/**
 * One batch. Looks only at rows whose time has come, and at each once: a session that has been refreshed meanwhile gets
 * a new time. What others hold is skipped: it comes next time. \`_from\` is where the batch before ended: entries of
 * the index that it left dead are not looked at again.
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

    -- A record stays as long as rows depend on its counter, and its time matters for a day.
    removed := 0;
    FOR record IN SELECT * FROM auth_subjects WHERE sweep_at <= now ORDER BY sweep_at LIMIT 100 LOOP
      CONTINUE WHEN NOT pg_try_advisory_xact_lock(hashtextextended(record.sub, 'auth_subjects'::regclass::oid::bigint));
      removed := removed + 1;
      DELETE FROM auth_subjects WHERE number = record.number AND at <= now - 86400000 AND NOT EXISTS (
        SELECT FROM auth_sessions AS session WHERE ${hashOf('session')} = ${hashOf('record')}
          AND session.sub = record.sub AND session.issuer = record.issuer AND ${isOpen});
      IF NOT FOUND THEN
        UPDATE auth_subjects SET sweep_at = greatest(now, at) + 86400000 WHERE number = record.number AND sweep_at <= now;
      END IF;
    END LOOP;
    more := coalesce(more, false) OR removed = 100;

    -- The newest entry stays, so that a reader who has read all can go on from it.
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
