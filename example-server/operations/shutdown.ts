import type { FastifyInstance } from 'fastify'
import type { Passwords } from '../passwords/passwords.ts'

export interface ShutdownOptions {
  readonly app: FastifyInstance
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

/** Resolves when all requests in flight have finished or were cut off, and the database is closed. */
export async function shutDown({
  app,
  passwords,
  refuseWaitingMs = 2000,
  destroyConnectionsMs = 4000
}: ShutdownOptions): Promise<void> {
  setTimeout(passwords.refuseWaiting, refuseWaitingMs).unref()
  setTimeout(() => app.server.closeAllConnections(), destroyConnectionsMs).unref()
  await app.close()
}
