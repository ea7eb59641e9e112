import { changing } from './004-changing.ts'
import { log } from './004-log.ts'
import { revoking } from './004-revoking.ts'
import { starting } from './004-starting.ts'
import { choices, settings, subjects } from './004-subjects.ts'
import { sweep } from './004-sweep.ts'

const replaced = `
  DROP FUNCTION auth_insert, auth_rotate, auth_count_retry, auth_revoke, auth_revoke_all, auth_add_entries, auth_sweep,
    auth_end, auth_put_entries, auth_lock_subject;`

const reading = `
  CREATE FUNCTION auth_find (_id text, OUT now bigint, OUT session auth_sessions) ${settings} AS $$
  BEGIN
    now := auth_now();
    session := auth_session(_id);
  END $$;`

/**
 * All calls, as functions in the database: each is one round trip and one transaction, its statements see what others
 * committed while it waited for a lock, and nothing depends on the connection (poolers may change it).
 *
 * All calls take locks in the same order, so that they cannot deadlock: subject → session rows by id → log.
 *
 * The constants here are those of `session-store.ts`. A published step never changes: to change one, add a step.
 */
export const functions = replaced + subjects + choices + log + reading + revoking + starting + changing + sweep
