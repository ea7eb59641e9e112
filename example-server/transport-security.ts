import type { FastifyRequest } from 'fastify'
import type { Config } from './config.ts'
import { Refusal } from './refusals.ts'
import { trustsClients } from './variables.ts'

export type AssertEncrypted = (request: Pick<FastifyRequest, 'protocol'>) => Promise<void>

/**
 * As `onRequest` of the routes that passwords and refresh tokens are sent to: in production not over plain http, where
 * everybody on the way reads them, and not from loopback either, for a proxy there that nobody declared speaks for the
 * whole world. Of what was encrypted up to a proxy, Fastify believes `X-Forwarded-Proto` from declared ones only.
 */
export function createAssertEncrypted({ production }: Pick<Config, 'production'>): AssertEncrypted {
  return async function assertEncrypted(request) {
    if (production && request.protocol !== 'https') throw new Refusal('HTTPS_REQUIRED')
  }
}

/** What to say at the start if clients can claim any address; in production such a configuration is refused. */
export function describeTrustedClients({ trustProxy }: Pick<Config, 'trustProxy'>): string | null {
  if (!trustsClients(trustProxy)) return null
  return (
    'TRUST_PROXY trusts every client: each can invent its address (X-Forwarded-For) and so escape the limits on ' +
    'guessing. Name the addresses of your proxies instead'
  )
}

/** What to say at the start where nobody will be able to sign in. */
export function describePlainHttp({
  production,
  tls,
  trustProxy
}: Pick<Config, 'production' | 'tls' | 'trustProxy'>): string | null {
  if (!production || tls !== null || trustProxy !== false) return null
  return 'nobody can sign in over plain http in production: set TLS_CERT_FILE and TLS_KEY_FILE, or TRUST_PROXY to the address of a proxy that sends X-Forwarded-Proto'
}
