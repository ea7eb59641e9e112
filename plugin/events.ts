import type { RefusalCode } from './errors.ts'

/**
 * What happened, for logs, metrics and alarms. No event ever holds a token, a secret or a hash.
 * `sub` and `sessionId` are there where they are known for certain (a good signature or mac).
 */
export type AuthEvent =
  | { readonly type: 'session-started', readonly sub: string, readonly sessionId: string, readonly transport: 'bearer' | 'cookie' }
  /** A refresh token was exchanged: rotated, answered with the same successor at once, or a late retry was counted. */
  | { readonly type: 'session-refreshed' | 'session-coalesced' | 'session-retried', readonly sub: string, readonly sessionId: string }
  /** An old refresh token came back: the session has been ended. Worth an alarm. */
  | { readonly type: 'session-reused', readonly sub: string, readonly sessionId: string }
  /** A session was ended, here or by another process: close what it has open. */
  | { readonly type: 'session-revoked', readonly sessionId: string }
  /** A refresh token was newer than its row: the store has lost writes. */
  | { readonly type: 'store-rolled-back', readonly sub: string, readonly sessionId: string }
  | { readonly type: 'token-refused', readonly code: RefusalCode, readonly detail: string, readonly source: 'header' | 'cookie' | null }
  | { readonly type: 'cross-site-refused', readonly origin: string | null, readonly host: string }
  | { readonly type: 'feed-stale' | 'feed-recovered', readonly silentMs: number }
  | { readonly type: 'keys-reloaded', readonly kids: readonly string[] }
  /** A new list was refused, or could not be had: the keys in force stay. */
  | { readonly type: 'keys-not-reloaded', readonly reason: string }

/** Hands an event to the application; nothing the application does with it can fail a request. */
export type Emit = (event: AuthEvent) => void

export function createEmit (onEvent: (event: AuthEvent) => unknown, onFailure: (error: unknown) => void): Emit {
  return function emit (event) {
    try {
      const result = onEvent(event)
      if (result !== undefined) Promise.resolve(result).catch(onFailure)
    } catch (error) {
      onFailure(error)
    }
  }
}
