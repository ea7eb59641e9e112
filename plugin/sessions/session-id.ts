import { refusal } from '../errors.ts'
import type { SessionStore } from '../stores/session-store.ts'

/** What a refresh token can hold. */
const shape = /^[\w~-]{22,64}$/

/** @param random 128 random bits */
export type NewSessionId = (sub: string, random: Buffer) => string

/**
 * Makes the ids of new sessions: the random bits, or what the store's `newId()` returns.
 * @throws AuthError AUTH_STORE_UNAVAILABLE if that is not an id
 */
export function createNewSessionId(store: Pick<SessionStore, 'newId'>): NewSessionId {
  return function newSessionId(sub, random) {
    if (store.newId === undefined) return random.toString('base64url')
    const id: unknown = store.newId(sub)
    if (typeof id === 'string' && shape.test(id)) return id
    throw refusal(
      'AUTH_STORE_UNAVAILABLE',
      'newId() of the store must return 22 to 64 characters of A–Z, a–z, 0–9, "-", "_" and "~"'
    )
  }
}
