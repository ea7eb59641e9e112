import type { FastifyRequest } from 'fastify'
import type { Config } from '../config/config.ts'
import { AppError } from '../errors.ts'
import { trustsClients } from '../config/readers.ts'

export type AssertEncrypted = (request: Pick<FastifyRequest, 'protocol'>) => Promise<void>

/**
 * An `onRequest` hook for routes that receive passwords or refresh tokens. In production it refuses plain http,
 * including requests from loopback, because an undeclared proxy there may be forwarding anyone's traffic. Fastify
 * accepts `X-Forwarded-Proto` only from the proxies in `TRUST_PROXY`.
 */
export function createAssertEncrypted({ production }: Pick<Config, 'production'>): AssertEncrypted {
  return async function assertEncrypted(request) {
    if (production && request.protocol !== 'https') throw new AppError('HTTPS_REQUIRED')
  }
}

/** A warning if clients can claim any address, otherwise `null`. In production such a configuration stops the start. */
export function warnOfTrustedClients({ trustProxy }: Pick<Config, 'trustProxy'>): string | null {
  if (!trustsClients(trustProxy)) return null
  return (
    'TRUST_PROXY trusts every client: each can forge its address (X-Forwarded-For) and so evade the limits on ' +
    'guessing. List only the addresses of your proxies'
  )
}

/** A warning if nobody can sign in with this configuration, otherwise `null`. */
export function warnOfPlainHttp({
  production,
  tls,
  trustProxy
}: Pick<Config, 'production' | 'tls' | 'trustProxy'>): string | null {
  if (!production || tls !== null || trustProxy !== false) return null
  return (
    'nobody can sign in over plain http in production: set TLS_CERT_FILE and TLS_KEY_FILE, or set TRUST_PROXY to the ' +
    'address of a proxy that sends X-Forwarded-Proto'
  )
}
