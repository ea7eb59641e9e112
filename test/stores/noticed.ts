/** Of each mistake in `contract.test.ts`, the cases of the contract that notice it. */
export const noticed: Record<string, readonly string[]> = {
  none: [],
  'none, and it pushes': [],
  'insert() revokes the others in a step before': [
    'insert() revokes the sessions named in `revoke`, whoever owns them, and logs them',
    'insert() names in `revoked` only what it revoked itself',
    'insert() with `revokeOthers` leaves the subject with the new session alone',
    'insert() with `revokeOthers` takes effect in one step, however many sessions there are',
    'insert() rejects an id that exists, and then revokes nothing',
    'insert() is refused where revokeAll() came after the credential was read, and then revokes nothing'
  ],
  'insert() does not look at `authenticatedAge`': [
    'insert() with `revokeOthers` leaves the subject with the new session alone',
    'insert() is refused where revokeAll() came after the credential was read, and then revokes nothing',
    'insert() asks `authenticatedAge` once',
    'insert() against revokeAll(): no session that was authenticated before outlives it, whichever is first',
    'sweep() leaves `authenticatedAge` its meaning'
  ],
  'insert() lets an age pass that is not a number': [
    'insert() is refused where revokeAll() came after the credential was read, and then revokes nothing',
    'insert() asks `authenticatedAge` once'
  ],
  'insert() does not look at `maxSessions`': [
    "insert() evicts the least recently rotated sessions beyond `maxSessions`, and nobody else's",
    'insert() never leaves more than `maxSessions` when 20 come together',
    'insert() evicts at most a batch in one step, and says that more is left'
  ],
  'insert() leaves one session too many': [
    "insert() evicts the least recently rotated sessions beyond `maxSessions`, and nobody else's",
    'insert() never leaves more than `maxSessions` when 20 come together'
  ],
  'insert() evicts the most recently rotated session': [
    'insert() revokes the sessions named in `revoke`, whoever owns them, and logs them',
    'insert() names in `revoked` only what it revoked itself',
    'insert() with `revokeOthers` leaves the subject with the new session alone',
    'insert() with `revokeOthers` takes effect in one step, however many sessions there are',
    "insert() evicts the least recently rotated sessions beyond `maxSessions`, and nobody else's",
    'insert() never leaves more than `maxSessions` when 20 come together',
    'insert() evicts at most a batch in one step, and says that more is left'
  ],
  'insert() counts the sessions of all issuers': [
    'insert() with `revokeOthers` leaves the subject with the new session alone',
    "insert() evicts the least recently rotated sessions beyond `maxSessions`, and nobody else's"
  ],
  'insert() does not look at `revokeOthers`': [
    'insert() with `revokeOthers` leaves the subject with the new session alone',
    'insert() with `revokeOthers` takes effect in one step, however many sessions there are'
  ],
  'insert() with `revokeOthers` lists and revokes': [
    'insert() with `revokeOthers` leaves the subject with the new session alone',
    'insert() with `revokeOthers` takes effect in one step, however many sessions there are',
    'revokeAll() against insert() that revokes others: one session is left at most'
  ],
  'insert() copies claims by assignment': ['insert() keeps claims as JSON has them'],
  'insert() and list() cut subjects at 255 characters': [
    'insert() keeps apart ids and subjects that look alike, however odd or long'
  ],
  'find() gives out its own rows': ['find() gives rows that nobody can change from outside'],
  'rotate() does not compare': [
    'rotate() moves the generation only from the one named',
    'rotate() and countRetry() raise `accessLifetimeSeconds`, and never lower it'
  ],
  'rotate() reads, compares, and then writes': [
    "rotate() is applied once when 50 come together, and all see the winner's row"
  ],
  'rotate() does not look at `minAgeMs`': ['rotate() leaves alone what was rotated less than `minAgeMs` ago'],
  'rotate() lets the idle expiry pass the absolute one': [
    'rotate() slides the idle expiry, but never past the absolute one'
  ],
  'rotate() does not raise `accessLifetimeSeconds`': [
    'rotate() and countRetry() raise `accessLifetimeSeconds`, and never lower it'
  ],
  'countRetry() does not raise `accessLifetimeSeconds`': [
    'rotate() and countRetry() raise `accessLifetimeSeconds`, and never lower it'
  ],
  'countRetry() does not compare the retries': ['countRetry() counts only on the generation and the retries named'],
  'countRepeat() counts a generation again and again': [
    'countRepeat() notes a generation once, on the generation named'
  ],
  'countRepeat() does not compare the generation': ['countRepeat() notes a generation once, on the generation named'],
  'revoke() does not look at `sub`': ['revoke() with `sub` revokes only a session of that subject'],
  'revoke() does not look at `issuers`': ['revoke() with `issuers` revokes only a session of one of them'],
  'revoke() has nothing to say of what was revoked before': [
    'revoke() returns a session that was revoked before with its first `until`',
    'revokeAll() takes effect in one step, however many sessions there are',
    'appendRevocations() revokes a live session that it names, for as long as revoke() would',
    'sweep() removes sessions that have expired, and none that still matter'
  ],
  'revokeAll() does not look at `except`': [
    'revokeAll() takes an issuer that is named twice as one',
    'revokeAll() revokes and logs all live sessions of a subject but `except`',
    'revokeAll() leaves sessions that start afterwards, and the one it spared, to go on'
  ],
  'revokeAll() does not look at `issuers`': [
    'insert() is not refused for a later credential, another subject, or without `authenticatedAge`',
    'revokeAll() reaches only the subject under the issuers named'
  ],
  'revokeAll() revokes a batch, and nothing beyond it': [
    'insert() is refused where revokeAll() came after the credential was read, and then revokes nothing',
    'insert() against revokeAll(): no session that was authenticated before outlives it, whichever is first',
    'revokeAll() revokes and logs all live sessions of a subject but `except`',
    'revokeAll() takes effect in one step, however many sessions there are',
    'sweep() leaves `authenticatedAge` its meaning',
    'sweep() does not bring back a session that revokeAll() revoked'
  ],
  'trim() does nothing': [
    'insert() with `revokeOthers` takes effect in one step, however many sessions there are',
    'insert() evicts at most a batch in one step, and says that more is left',
    'revokeAll() takes effect in one step, however many sessions there are',
    'trim() revokes the least recently rotated sessions beyond `maxSessions`'
  ],
  'list() has the newest first': [
    "list() has a subject's live sessions, oldest first",
    'list() has no more than `limit` sessions, the most recently rotated ones'
  ],
  'list() does not look at `limit`': ['list() has no more than `limit` sessions, the most recently rotated ones'],
  'appendRevocations() keeps the first `until`': [
    'appendRevocations() keeps the later `until`, and readers see what was raised',
    'sweep() makes room for an entry that comes again'
  ],
  'appendRevocations() leaves the sessions alone that it names': [
    'appendRevocations() takes an `until` between two milliseconds, and one without end',
    'appendRevocations() revokes a live session that it names, for as long as revoke() would',
    'appendRevocations() gives back an entry that the log has lost, though its session stayed revoked',
    'appendRevocations() takes many at once'
  ],
  'readRevocations() always resumes': ['readRevocations() does not resume where another store left off'],
  'readRevocations() has no sessions': [
    'insert() keeps apart ids and subjects that look alike, however odd or long',
    'insert() revokes the sessions named in `revoke`, whoever owns them, and logs them',
    'insert() with `revokeOthers` leaves the subject with the new session alone',
    "insert() evicts the least recently rotated sessions beyond `maxSessions`, and nobody else's",
    'revoke() revokes one session and logs it, for as long as its longest access token',
    'revoke() returns a session that was revoked before with its first `until`',
    'revoke() revokes once when 20 come together',
    'revoke() logs its own `until` where the log has an earlier one that readers have read',
    'revokeAll() revokes and logs all live sessions of a subject but `except`',
    'revokeAll() takes effect in one step, however many sessions there are',
    'trim() revokes the least recently rotated sessions beyond `maxSessions`',
    'revokeAll() against rotate(): no session outlives it',
    'readRevocations() can be followed from an empty log on',
    'readRevocations() loses nothing to calls that come together',
    'appendRevocations() takes an `until` between two milliseconds, and one without end',
    'appendRevocations() revokes a live session that it names, for as long as revoke() would',
    'appendRevocations() gives back an entry that the log has lost, though its session stayed revoked',
    'appendRevocations() takes many at once',
    'sweep() removes sessions that have expired, and none that still matter'
  ],
  'readRevocations() says that there is no more': [
    'revokeAll() takes effect in one step, however many sessions there are',
    'readRevocations() reads in pages, and then only what came after',
    'readRevocations() loses nothing to calls that come together',
    'appendRevocations() takes many at once'
  ],
  'sweep() does nothing': ['sweep() removes sessions that have expired, and none that still matter']
}
