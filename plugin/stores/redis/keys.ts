/**
 * The names of keys, after the base `{prefix}:`. An *owner* is a subject of one issuer:
 * `<length of the issuer>:<issuer>:<sub>`, or `:<sub>` for the empty issuer, so that no two owners have the same name.
 * No name of one kind begins like a name of another kind.
 */
export const keyNames = {
  /** Hash, with an id: one session, see `rows.ts`. With one character more, the name would take 40 bytes, not 32. */
  session: 's',
  /**
   * Sorted set, with an owner: its live sessions. Each is in it twice: the id, by idle expiry, and the id + NUL, by the
   * negative time of its rotation. `list()` reads it.
   */
  index: 'x',
  /** Hash, with an owner: `k` counter, `t` time of the last revokeAll(), `f` the first counter that is not logged. */
  counter: 'k',
  /** Sorted set, with a counter, a slash and an owner: an index that revokeAll() has renamed, to be logged. */
  behind: 'b',
  /**
   * Sorted set: members of the revocation log, by number: `s<session id>`, `t<iss> <jti>`, or `-<number>` in the place
   * of an entry that was raised.
   */
  log: 'f',
  /** Sorted set: the same members, by the time until which they are needed. */
  logUntil: 'fu',
  /** Hash: the same members, and the nonce of the call that added each. */
  logNonce: 'fm',
  /** Hash: the version of this layout, see `schema.ts`. */
  version: 'version',
  /** Exists only while `prepare()` tries its permissions. */
  probe: 'probe',
  /** Version 1. Sorted set, with a sub: the ids of its live sessions by idle expiry, whatever their issuer. */
  oldIndex: 'u:',
  /** Version 1. String, with a sub: the time of the last revokeAll(). */
  oldRevokedAll: 'a:'
} as const

/** The name of an owner, as the scripts make it too. */
export function ownerName(issuer: string, sub: string): string {
  return `${issuer === '' ? '' : `${Buffer.byteLength(issuer)}:${issuer}`}:${sub}`
}
