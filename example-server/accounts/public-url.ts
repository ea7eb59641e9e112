import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Config } from '../config/config.ts'

/**
 * Where browsers reach the server, for links in mails and for passkeys: `AUTH_ISSUER`. It is never taken from a
 * request: a client chooses the `Host` header, and could lead a link with a token to a server of its own.
 */
export function createPublicUrl(
  app: Pick<FastifyInstance, 'server'>,
  { publicUrl, port, tls }: Pick<Config, 'publicUrl' | 'port' | 'tls'>
): () => string {
  return () => {
    if (publicUrl !== null) return publicUrl
    const address = app.server.address() as AddressInfo | null
    return `${tls === null ? 'http' : 'https'}://localhost:${address?.port ?? port}`
  }
}
