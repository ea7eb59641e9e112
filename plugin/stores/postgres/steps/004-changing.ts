import { settings } from './004-subjects.ts'

/** Changes a row if it is live and `condition` holds. Returns the row afterwards, changed or not. */
export const compareAndSet = (
  name: string,
  { parameters, condition, change }: Record<'parameters' | 'condition' | 'change', string>
) => `
  CREATE FUNCTION ${name} (_id text, ${parameters},
    OUT applied boolean, OUT now bigint, OUT session auth_sessions
  ) ${settings} AS $$
  BEGIN
    PERFORM auth_begin();
    -- After waiting for the lock, PostgreSQL compares the changed row again; a row that does not match is not locked.
    PERFORM FROM auth_sessions WHERE id = _id AND revoked_at IS NULL AND ${condition} FOR UPDATE;
    applied := FOUND;
    now := auth_now();
    IF applied THEN
      UPDATE auth_sessions SET ${change}
        WHERE id = _id AND idle_expires_at > now AND counter >= auth_counter(issuer, sub) RETURNING * INTO session;
      applied := FOUND;
    END IF;
    IF NOT applied THEN
      session := auth_session(_id);
      now := auth_now();
    END IF;
  END $$;`

// The sweep must check the row no later than it expires. Usually `sweep_at` stays, and the index does not change.
const slide = `idle_expires_at = least(now + _idle_ms, absolute_expires_at),
          sweep_at = least(sweep_at, now + _idle_ms, absolute_expires_at),
          access_lifetime_seconds = greatest(access_lifetime_seconds, _access_lifetime_seconds)`

export const changing = [
  compareAndSet('auth_rotate', {
    parameters: '_from bigint, _to bigint, _min_age_ms bigint, _idle_ms bigint, _access_lifetime_seconds integer',
    // By the absolute difference in time, so that a clock that was set back does not stop refreshing.
    condition: 'generation = _from AND abs(auth_now() - rotated_at) >= _min_age_ms',
    change: `generation = _to, rotated_at = now, ${slide}`
  }),
  compareAndSet('auth_count_retry', {
    parameters: '_generation bigint, _retries text, _keep text, _idle_ms bigint, _access_lifetime_seconds integer',
    condition: 'generation = _generation AND retries = _retries',
    change: `retries = concat_ws(',', nullif(_keep, ''), now), ${slide}`
  }),
  compareAndSet('auth_count_repeat', {
    parameters: '_generation bigint, _repeated bigint, _streak integer',
    condition: 'generation = _generation AND coalesce(repeated_generation, -1) < _repeated',
    change: 'repeated_generation = _repeated, repeat_streak = _streak'
  })
].join('')
