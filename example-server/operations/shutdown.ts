import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type { Passwords } from '../passwords/passwords.ts'

/** How long closing may take after draining; then the process exits by force. Longer than `destroyConnectionsMs`. */
export const closeLimitMs = 4500

export interface ShutdownOptions {
  readonly app: FastifyInstance
  /** The application's `stopping` is its signal. */
  readonly stopping: AbortController
  /**
   * How long the server still accepts connections and serves requests while `/health/ready` responds 503, so that a
   * load balancer notices before connections are refused. Each response ends its connection. Default: 0.
   */
  readonly drainMs?: number
  /** Resolves after so many ms; for tests. Default: a timer. */
  readonly wait?: (ms: number) => Promise<unknown>
  readonly passwords: Pick<Passwords, 'refuseWaiting'>
  /**
   * When to refuse the passwords that still wait to be hashed: late enough for most, early enough to send the response.
   * Default: 2000.
   */
  readonly refuseWaitingMs?: number
  /**
   * When to destroy connections that are idle or still sending, so that they cannot delay shutdown until the forced
   * exit. Default: 4000.
   */
  readonly destroyConnectionsMs?: number
}

/** Drains, then closes. Resolves when all requests have finished or were cut off, and the database is closed. */
export async function shutDown({
  app,
  passwords,
  stopping,
  drainMs = 0,
  wait = delay,
  refuseWaitingMs = 2000,
  destroyConnectionsMs = 4000
}: ShutdownOptions): Promise<void> {
  app.log.info({ drainMs }, 'stopping')
  stopping.abort()
  if (drainMs > 0) await wait(drainMs)
  setTimeout(passwords.refuseWaiting, refuseWaitingMs).unref()
  setTimeout(() => app.server.closeAllConnections(), destroyConnectionsMs).unref()
  await app.close()
  app.log.info('stopped')
}
