import { createHash } from 'node:crypto'
import type { CreateRateLimitOptions } from '@fastify/rate-limit'
import type { FastifyInstance } from 'fastify'
import { AppError } from '../errors.ts'

/** A limit that fails closed: while Redis is down, its counters are unknown and the request is refused. */
export function createLimit(app: FastifyInstance, options: CreateRateLimitOptions) {
  const limit = app.createRateLimit(options)

  return async function limitOrRefuse(...call: Parameters<typeof limit>) {
    try {
      return await limit(...call)
    } catch (cause) {
      throw new AppError('DATABASE_UNAVAILABLE', { cause })
    }
  }
}

export function tooManyAttempts({ ttlInSeconds }: { ttlInSeconds: number }): AppError {
  return new AppError('TOO_MANY_ATTEMPTS', { headers: { 'retry-after': String(Math.max(1, ttlInSeconds)) } })
}

/** The key of a counter: of fixed length, however long the name is that was sent. */
export function digest(account: string, from = ''): string {
  return createHash('sha256').update(`${account.toLowerCase()}\n${from}`).digest('base64url')
}
