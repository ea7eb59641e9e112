import type { RefusalCode } from './errors.ts'

/**
 * What happened, for logs, metrics and alarms. No event ever holds a token, a secret or a hash.
 * `sub` and `sessionId` are there where they are known for certain (a good signature or mac).
 */
export type AuthEvent =
  | {
      readonly type: 'session-started'
      readonly sub: string
      readonly sessionId: string
      readonly transport: 'bearer' | 'cookie'
    }
  /**
   * `session-refreshed`: a refresh token was exchanged for the next one. `refresh-retried`: the previous one came back
   * after `retrySeconds`, as if its response had been lost. Its successor was returned, and `lateRetries` counts it.
   */
  | { readonly type: 'session-refreshed' | 'refresh-retried'; readonly sub: string; readonly sessionId: string }
  /**
   * A refresh token was presented within `retrySeconds` of a rotation or of sign-in: the current one was returned.
   * `streak` counts the generations in a row that were presented again within `retrySeconds` of their rotation; 0 while
   * none was. Two tabs do that now and then. A thief who follows the victim does it every time.
   */
  | { readonly type: 'refresh-coalesced'; readonly sub: string; readonly sessionId: string; readonly streak: number }
  /** An old refresh token came back: the session has been ended. Worth an alarm. */
  | { readonly type: 'refresh-token-reused'; readonly sub: string; readonly sessionId: string }
  /** A session was ended, here or by another process: close what it has open. */
  | { readonly type: 'session-revoked'; readonly sessionId: string; readonly reason: RevocationReason }
  /** A refresh token was newer than its row: the store has lost writes. */
  | { readonly type: 'store-rolled-back'; readonly sub: string; readonly sessionId: string }
  | {
      readonly type: 'token-refused'
      readonly code: RefusalCode
      readonly detail: string
      readonly source: 'header' | 'cookie' | null
    }
  | { readonly type: 'cross-site-refused'; readonly origin: string | null; readonly host: string }
  /**
   * The store's clock is `skewMs` ahead of this node's (behind, if negative), by more than a second. Up to two hours are
   * compensated. More stops the start; while the server runs, it is not compensated, and tokens may be refused until one
   * of the clocks is corrected.
   */
  | { readonly type: 'clock-skew'; readonly skewMs: number; readonly compensated: boolean }
  /**
   * The store's revocation log has not been read for `maxStalenessSeconds`, or was read again. `silentMs`: since the last
   * reading; `Infinity` before the first one.
   */
  | { readonly type: 'feed-stale' | 'feed-recovered'; readonly silentMs: number }
  | { readonly type: 'keys-reloaded'; readonly kids: readonly string[] }
  /** Reloading the keys failed or returned an invalid list: the current keys stay in use. Worth an alarm. */
  | { readonly type: 'keys-not-reloaded'; readonly reason: string }

/** `max-sessions`: the session had to make room for a new one. `null`: any other reason, or one that another process knows. */
export type RevocationReason = 'max-sessions' | null

/** Hands an event to the application; nothing the application does with it can fail a request. */
export type Emit = (event: AuthEvent) => void

export function createEmit(onEvent: (event: AuthEvent) => unknown, onFailure: (error: unknown) => void): Emit {
  return function emit(event) {
    try {
      const result = onEvent(event)
      if (result !== undefined) Promise.resolve(result).catch(onFailure)
    } catch (error) {
      onFailure(error)
    }
  }
}
