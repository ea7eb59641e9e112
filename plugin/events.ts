import { channel } from 'node:diagnostics_channel'
import type { RefusalCode } from './errors.ts'

/**
 * What happened, for logs, metrics and alarms. No event holds a token, a secret or a hash. `sub` and `sessionId` are
 * present only if a valid signature or mac proves them.
 */
export type AuthEvent =
  /** A session was started. */
  | {
      readonly type: 'session-started'
      readonly sub: string
      readonly sessionId: string
      readonly transport: 'bearer' | 'cookie'
    }
  /**
   * `session-refreshed`: a refresh token was exchanged for the next one. `refresh-retried`: the previous refresh token
   * came back after `retrySeconds`, as if its response had been lost. Its successor was returned, and `lateRetries`
   * counts it.
   */
  | { readonly type: 'session-refreshed' | 'refresh-retried'; readonly sub: string; readonly sessionId: string }
  /**
   * A refresh token was presented within `retrySeconds` of a rotation or of sign-in, and the current one was returned.
   * `streak` is how many generations in a row were presented again within `retrySeconds` of their rotation. Two tabs
   * reach 2 or 3 now and then. A thief who follows the victim makes it grow with every refresh.
   */
  | { readonly type: 'refresh-coalesced'; readonly sub: string; readonly sessionId: string; readonly streak: number }
  /** An old refresh token came back, and the session is ended. Raise an alarm. */
  | { readonly type: 'refresh-token-reused'; readonly sub: string; readonly sessionId: string }
  /**
   * A session was ended. Close its sockets. `here`: by this process; otherwise this process has read it from the
   * revocation log. Count only the former, so that a sum over all nodes counts each session once.
   */
  | {
      readonly type: 'session-revoked'
      readonly sessionId: string
      readonly reason: RevocationReason
      readonly here: boolean
    }
  /**
   * An access token was revoked by `app.accessTokens.revoke()`, here or by another process. Close its streams. A token
   * of this application is reported once for each entry of `issuer`.
   */
  | { readonly type: 'token-revoked'; readonly issuer: string; readonly jti: string }
  /** A refresh token was newer than its row: the store has lost writes. */
  | { readonly type: 'store-rolled-back'; readonly sub: string; readonly sessionId: string }
  /** A request was refused. `detail` is the precise reason; `source` is where its access token was. */
  | {
      readonly type: 'token-refused'
      readonly code: RefusalCode
      readonly detail: string
      readonly source: 'header' | 'cookie' | null
    }
  /**
   * A cookie-authenticated request came from another site. `origin` is its `Origin` header, `host` is ours, and
   * `detail` says what differs.
   */
  | {
      readonly type: 'cross-site-refused'
      readonly origin: string | null
      readonly host: string
      readonly detail: string
    }
  /**
   * The store's clock differs from this node's by more than a second. `skewMs` is positive if the store's is ahead. Up
   * to two hours are compensated. A larger difference stops the start. If it appears later, tokens may be refused until
   * one of the clocks is corrected.
   */
  | { readonly type: 'clock-skew'; readonly skewMs: number; readonly compensated: boolean }
  /**
   * The store's revocation log has not been read for `maxStalenessSeconds`, or is read again. `silentMs` is the time
   * since the log was last read, `Infinity` before the first time. Of a store with shards, this is about the log of
   * `shard`.
   */
  | {
      readonly type: 'revocation-log-stale' | 'revocation-log-recovered'
      readonly silentMs: number
      readonly shard?: string
    }
  /** An async `keys` returned a valid list, which is now in use. */
  | { readonly type: 'keys-reloaded'; readonly kids: readonly string[] }
  /** Reloading the keys failed or returned an invalid list; the current keys stay in use. Raise an alarm. */
  | { readonly type: 'keys-reload-failed'; readonly reason: string }
  /**
   * The function `trustedIssuers` failed for this issuer, or returned a wrong option. `issuer` is what a token named,
   * and nothing in that token was verified.
   */
  | { readonly type: 'issuer-lookup-failed'; readonly issuer: string; readonly reason: string }

/**
 * `max-sessions`: the session made room for a new one. `null`: any other reason, or one that only another process
 * knows.
 */
export type RevocationReason = 'max-sessions' | null

// Kept here, because Node drops a channel that nobody refers to.
const events = channel('fastify-authenticate:event')

/**
 * Passes an event to the application, and publishes it to the channel `fastify-authenticate:event`
 * (`node:diagnostics_channel`). It never throws, so that neither `onEvent` nor a subscriber can fail a request.
 */
export type Emit = (event: AuthEvent) => void

export function createEmit(onEvent: (event: AuthEvent) => unknown, onFailure: (error: unknown) => void): Emit {
  return function emit(event) {
    try {
      const result = onEvent(event)
      if (result !== undefined) Promise.resolve(result).catch(onFailure)
    } catch (error) {
      onFailure(error)
    }
    events.publish(event)
  }
}
