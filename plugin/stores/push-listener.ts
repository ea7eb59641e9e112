import type { Revocation } from './revocation.ts'

/**
 * What a store that can push calls after `subscribe()`. None of its methods throws or waits. A store that only learns
 * **that** its log has grown calls `wake()` and nothing else:
 * ```ts
 * import type { PushListener } from 'fastify-authenticate/stores/session-store'
 *
 * async function subscribe(listener: PushListener): Promise<void> {
 *   process.on('message', () => listener.wake())
 * }
 * ```
 */
export interface PushListener {
  /**
   * The log may have grown: the plugin reads it now. Call it too when messages may have been lost (after each
   * reconnect), and for a message that cannot be understood.
   */
  wake(): void

  /**
   * These entries were committed to the log. They take effect immediately, in place of a call of `wake()`. The cursor
   * stays where it is: the plugin reads the same entries later, and writes again those that the log has lost. Call it
   * only after the commit, and not before a call of this process that appended the entries has settled: its caller
   * knows the reason, which the event `session-revoked` reports. At most `maxBatch` entries; anything that is not
   * an entry makes the plugin read the log.
   */
  revoked(entries: readonly Revocation[]): void

  /**
   * A message has just arrived, so earlier ones have arrived too: the connection delivers in order, and loses messages
   * only if it breaks. While it is called at least every 2 s, the plugin reads the log every 5 s, or every
   * `pollSeconds` if that is longer, and otherwise every `pollSeconds`.
   */
  heartbeat(): void
}
