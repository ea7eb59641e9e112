import { createHash } from 'node:crypto'
import rateLimit, { type CreateRateLimitOptions } from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Refusal } from './refusals.ts'

const windowMs = 5 * 60_000

/** Failures within a window. Many people can share an address, hence the second. */
const most = { perAccountAndAddress: 20, perAddress: 200 }

const registrations = { max: 100, timeWindow: 60_000 }

export type Attempts = ReturnType<typeof createAttempts>

/**
 * Slows down guessing, by failures: for one account from one address, and from one address for all accounts. Never for an
 * account alone, or strangers could lock its owner out. An unknown account counts like any other, so that the limits do
 * not tell which exist. `@fastify/rate-limit` keeps the counts: in Redis for all nodes, or at most 5000 for each limit here.
 */
export function createAttempts (app: FastifyInstance) {
  const accounts = new WeakMap<FastifyRequest, string>()
  const limits = [
    createLimit(app, {
      max: most.perAccountAndAddress,
      timeWindow: windowMs,
      keyGenerator: (request) => `account ${accountKey(accounts.get(request) ?? '', addressOf(request))}`
    }),
    createLimit(app, { max: most.perAddress, timeWindow: windowMs, keyGenerator: (request) => `address ${addressOf(request)}` })
  ]
  /** Attempts on this node that nobody knows the outcome of yet: a burst of guesses must not slip in before the first has failed. */
  const underWay = new Map<string, number>()

  function count (keys: readonly string[], change: 1 | -1): void {
    for (const key of keys) {
      const now = (underWay.get(key) ?? 0) + change
      if (now === 0) underWay.delete(key)
      else underWay.set(key, now)
    }
  }

  /**
   * Does the check, unless there were too many failures before; `null` is a failure.
   * @throws Refusal TOO_MANY_ATTEMPTS, with Retry-After
   */
  return async function attempt<T> (request: FastifyRequest, account: string, check: () => Promise<T | null>): Promise<T | null> {
    accounts.set(request, account)
    const states = await Promise.all(limits.map((limit) => limit(request, { increment: false })))
    for (const state of states) {
      if (state.isAllowed || state.remaining - (underWay.get(state.key) ?? 0) > 0) continue
      throw new Refusal('TOO_MANY_ATTEMPTS', { 'retry-after': String(Math.max(1, state.ttlInSeconds)) })
    }
    const keys = states.map(({ key }) => key)
    count(keys, 1)
    try {
      const outcome = await check()
      if (outcome === null) for (const limit of limits) await limit(request)
      return outcome
    } finally {
      count(keys, -1)
    }
  }
}

/** As a hook: an address makes a bounded number of users a minute. */
export function createRegistrationLimit (app: FastifyInstance) {
  const limit = createLimit(app, { ...registrations, keyGenerator: (request) => `register ${addressOf(request)}` })

  return async function limitRegistrations (request: FastifyRequest): Promise<void> {
    const state = await limit(request)
    if (!state.isAllowed && state.isExceeded) throw new Refusal('TOO_MANY_ATTEMPTS', { 'retry-after': String(Math.max(1, state.ttlInSeconds)) })
  }
}

/** Counts that cannot be read are no permission: while Redis is away, nothing that is limited is done. */
function createLimit (app: FastifyInstance, options: CreateRateLimitOptions) {
  const limit = app.createRateLimit(options)

  return async function limitOrRefuse (...call: Parameters<typeof limit>) {
    try {
      return await limit(...call)
    } catch (cause) {
      throw new Refusal('DATABASE_UNAVAILABLE', {}, { cause })
    }
  }
}

/** IPv6 by its /64 network, which is what one customer has. */
function addressOf (request: FastifyRequest): string {
  return rateLimit.normalizeIP(request.ip)
}

/** Of one length, whatever was typed for a name. */
function accountKey (account: string, address: string): string {
  return createHash('sha256').update(`${account.toLowerCase()}\n${address}`).digest('base64url')
}
