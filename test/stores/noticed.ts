/** For each mistake in `contract.test.ts`: the cases of the contract that detect it. */
export const noticed: Record<string, readonly string[]> = {
  'no mistake': [],
  'no mistake, with push': [],
  'newId() makes ids that do not fit into a refresh token': [
    'newId() makes a different id each time, and all of them fit into a refresh token'
  ],
  'insert() revokes the sessions in `revoke` in a separate step': [
    'insert() rejects an existing id and then revokes nothing',
    'insert() revokes and logs the sessions in `revoke`, whichever subject they belong to',
    'insert() lists in `revoked` only the sessions that this call revoked',
    'insert() with `revokeOthers` leaves the subject only the new session',
    'insert() with `revokeOthers` revokes all other sessions in one step, however many there are',
    'insert() refuses a credential that was read before the last revokeAll(), and then revokes nothing'
  ],
  'insert() ignores `authenticatedAge`': [
    'insert() with `revokeOthers` leaves the subject only the new session',
    'insert() refuses a credential that was read before the last revokeAll(), and then revokes nothing',
    'insert() calls `authenticatedAge` exactly once',
    'insert() concurrent with revokeAll(): no session with an earlier credential is left live',
    'sweep() does not forget the revokeAll() that `authenticatedAge` is compared with'
  ],
  'insert() accepts a `NaN` age': [
    'insert() refuses a credential that was read before the last revokeAll(), and then revokes nothing',
    'insert() calls `authenticatedAge` exactly once'
  ],
  'insert() ignores `maxSessions`': [
    'insert() evicts the least recently rotated sessions beyond `maxSessions`, and only of this subject',
    'insert() leaves at most `maxSessions` live sessions after 20 concurrent calls',
    'insert() evicts at most `maxBatch` sessions in one step, and sets `more` if some are left'
  ],
  'insert() leaves one session too many': [
    'insert() evicts the least recently rotated sessions beyond `maxSessions`, and only of this subject',
    'insert() leaves at most `maxSessions` live sessions after 20 concurrent calls'
  ],
  'insert() evicts the most recently rotated session': [
    'insert() revokes and logs the sessions in `revoke`, whichever subject they belong to',
    'insert() lists in `revoked` only the sessions that this call revoked',
    'insert() with `revokeOthers` leaves the subject only the new session',
    'insert() with `revokeOthers` revokes all other sessions in one step, however many there are',
    'insert() evicts the least recently rotated sessions beyond `maxSessions`, and only of this subject',
    'insert() leaves at most `maxSessions` live sessions after 20 concurrent calls',
    'insert() evicts at most `maxBatch` sessions in one step, and sets `more` if some are left'
  ],
  'insert() counts the sessions of all issuers': [
    'insert() with `revokeOthers` leaves the subject only the new session',
    'insert() evicts the least recently rotated sessions beyond `maxSessions`, and only of this subject'
  ],
  'insert() ignores `revokeOthers`': [
    'insert() with `revokeOthers` leaves the subject only the new session',
    'insert() with `revokeOthers` revokes all other sessions in one step, however many there are'
  ],
  'insert() with `revokeOthers` lists and revokes': [
    'insert() with `revokeOthers` leaves the subject only the new session',
    'insert() with `revokeOthers` revokes all other sessions in one step, however many there are',
    'revokeAll() concurrent with insert() and `revokeOthers`: at most one session is left live'
  ],
  'insert() copies claims by assignment': ['insert() preserves every claim and every detail that JSON can express'],
  'insert() keeps only the details that it knows': [
    'insert() stores the session as given, and adds times by the clock of the store',
    'insert() preserves every claim and every detail that JSON can express'
  ],
  'insert() does not keep `idleLimitMs`': [
    'insert() stores the session as given, and adds times by the clock of the store',
    'insert() limits the idle expiry by `idleLimitMs`',
    'rotate() and countRetry() extend the idle expiry by no more than `idleLimitMs`'
  ],
  'insert() and list() cut subjects at 255 characters': [
    'insert() distinguishes ids and subjects that differ in one character, however odd or long'
  ],
  'find() returns the rows that it keeps': [
    'find(), insert() and list() return rows that cannot be changed from outside'
  ],
  'rotate() does not compare the generation': [
    'rotate() changes only a row whose generation is `from`',
    'rotate() is applied exactly when isRotatable() is true, for each age, generation and state',
    'rotate() and countRetry() raise `accessLifetimeSeconds`, and never lower it'
  ],
  'rotate() compares and writes in two steps': [
    'rotate() is applied once in 50 concurrent calls, and all of them return the changed row'
  ],
  'rotate() ignores `minAgeMs`': [
    'rotate() is applied exactly when isRotatable() is true, for each age, generation and state',
    'rotate() does not change a row that was rotated less than `minAgeMs` ago'
  ],
  'rotate() requires ten milliseconds more than `minAgeMs`': [
    'rotate() is applied exactly when isRotatable() is true, for each age, generation and state'
  ],
  'rotate() extends the idle expiry beyond the absolute expiry': [
    'rotate() extends the idle expiry, but never beyond the absolute expiry',
    'rotate() and countRetry() extend the idle expiry by no more than `idleLimitMs`'
  ],
  'rotate() ignores `idleLimitMs`': ['rotate() and countRetry() extend the idle expiry by no more than `idleLimitMs`'],
  'countRetry() ignores `idleLimitMs`': [
    'rotate() and countRetry() extend the idle expiry by no more than `idleLimitMs`'
  ],
  'rotate() does not raise `accessLifetimeSeconds`': [
    'rotate() and countRetry() raise `accessLifetimeSeconds`, and never lower it'
  ],
  'countRetry() does not raise `accessLifetimeSeconds`': [
    'rotate() and countRetry() raise `accessLifetimeSeconds`, and never lower it'
  ],
  'countRetry() does not compare the retries': [
    'countRetry() changes only a row with the given generation and retries'
  ],
  'countRepeat() counts one generation repeatedly': [
    'countRepeat() counts a repeated generation once, and only on a row of the given generation'
  ],
  'countRepeat() does not compare the generation': [
    'countRepeat() counts a repeated generation once, and only on a row of the given generation'
  ],
  'revoke() ignores `sub`': ['revoke() with `sub` revokes only a session of that subject'],
  'revoke() ignores `issuers`': ['revoke() with `issuers` revokes only a session of one of them'],
  'revoke() returns `null` for a session that was revoked before': [
    'revoke() returns the first `until` again for a session that was revoked before',
    'revokeAll() revokes all sessions in one step, however many there are',
    'appendRevocations() revokes a live session that an entry names, at least as long as revoke() does',
    'sweep() removes expired sessions, but no revoked one whose access tokens may still be valid'
  ],
  'revokeAll() ignores `except`': [
    'revokeAll() treats an issuer that is listed twice as one',
    'revokeAll() revokes and logs all live sessions of a subject but the one in `except`',
    'revokeAll() affects neither later sessions nor the one in `except`'
  ],
  'revokeAll() ignores `issuers`': [
    'insert() accepts a later credential, another subject, and a call without `authenticatedAge`',
    'revokeAll() affects only sessions of the given issuers'
  ],
  'revokeAll() revokes only one batch': [
    'insert() refuses a credential that was read before the last revokeAll(), and then revokes nothing',
    'insert() concurrent with revokeAll(): no session with an earlier credential is left live',
    'revokeAll() revokes and logs all live sessions of a subject but the one in `except`',
    'revokeAll() revokes all sessions in one step, however many there are',
    'sweep() does not forget the revokeAll() that `authenticatedAge` is compared with',
    'sweep() does not revive a session that revokeAll() revoked'
  ],
  'trim() does nothing': [
    'insert() with `revokeOthers` revokes all other sessions in one step, however many there are',
    'insert() evicts at most `maxBatch` sessions in one step, and sets `more` if some are left',
    'trim() revokes at most `maxBatch` sessions in one step, with those that revokeAll() has left',
    'trim() revokes the least recently rotated sessions beyond `maxSessions`',
    'revokeAll() revokes all sessions in one step, however many there are'
  ],
  'list() returns the newest session first': [
    'list() returns the live sessions of a subject, oldest first',
    'list() returns at most `limit` sessions: the most recently rotated ones'
  ],
  'list() ignores `limit`': ['list() returns at most `limit` sessions: the most recently rotated ones'],
  'appendRevocations() keeps the first `until`': [
    'appendRevocations() keeps the later `until`, and followers read a raised entry again',
    'sweep() lets an expired entry be appended again'
  ],
  'appendRevocations() does not revoke the sessions of its entries': [
    'appendRevocations() rounds a fractional `until` up, and accepts Infinity',
    'appendRevocations() revokes a live session that an entry names, at least as long as revoke() does',
    'appendRevocations() logs a later `until` for a session that is already revoked',
    'appendRevocations() accepts thousands of entries in one call'
  ],
  'readRevocations() always resumes': ['readRevocations() does not resume from the cursor of another store'],
  'readRevocations() leaves out sessions': [
    'insert() distinguishes ids and subjects that differ in one character, however odd or long',
    'insert() revokes and logs the sessions in `revoke`, whichever subject they belong to',
    'insert() with `revokeOthers` leaves the subject only the new session',
    'insert() evicts the least recently rotated sessions beyond `maxSessions`, and only of this subject',
    'trim() revokes the least recently rotated sessions beyond `maxSessions`',
    'revoke() revokes and logs one session, until its longest-lived access token has expired',
    'revoke() returns the first `until` again for a session that was revoked before',
    'revoke() revokes and logs once in 20 concurrent calls',
    'revoke() logs the session although the log holds a token with the same id',
    'revokeAll() revokes and logs all live sessions of a subject but the one in `except`',
    'revokeAll() revokes all sessions in one step, however many there are',
    'revokeAll() concurrent with rotate(): no session is left live',
    'readRevocations() returns a cursor that can be followed, even for an empty log',
    'readRevocations() misses no entry of concurrent calls',
    'appendRevocations() rounds a fractional `until` up, and accepts Infinity',
    'appendRevocations() revokes a live session that an entry names, at least as long as revoke() does',
    'appendRevocations() logs a later `until` for a session that is already revoked',
    'appendRevocations() accepts thousands of entries in one call',
    'sweep() removes expired sessions, but no revoked one whose access tokens may still be valid'
  ],
  'readRevocations() always sets `more` to false': [
    'revokeAll() revokes all sessions in one step, however many there are',
    'readRevocations() reads page by page, and then only later entries',
    'readRevocations() misses no entry of concurrent calls',
    'appendRevocations() accepts thousands of entries in one call'
  ],
  'sweep() does nothing': [
    'sweep() removes expired sessions, but no revoked one whose access tokens may still be valid'
  ]
}
