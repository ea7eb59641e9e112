import { createHash } from 'node:crypto'
import type { CreateRateLimitOptions } from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { createAccountDelay, delayAfter, mostDelayingFailures } from './account-delay.ts'
import { networkOf, type Network } from './client-network.ts'
import type { KnownAddresses } from './known-addresses.ts'
import { Refusal } from './refusals.ts'

const windowMs = 5 * 60_000

/** Failures within a window: 20 guesses at one account. Many people can share an address, and more of them a site. */
const mostFailures = { ofAccountAtAddress: 20, ofAccountAtSite: 60, ofAddress: 200, ofSite: 600 }

/** Attempts within a window, successes among them: a right password costs as much to check as a wrong one. */
const mostAttempts = { ofAddress: 1000, ofSite: 3000 }

const registrations = { timeWindow: 60_000, ofAddress: 100, ofSite: 300 }

interface Caller {
  readonly account: string
  readonly from: Network
}

export interface AttemptsParts {
  readonly knownAddresses: KnownAddresses
  readonly clock: () => number
  /** Resolves after so many ms. */
  readonly wait: (ms: number) => Promise<unknown>
}

export type Attempts = ReturnType<typeof createAttempts>

/**
 * Slows down guessing. Too many failures for one account from one address or site, or from one of these for all
 * accounts, are refused. Failures for an account from everywhere only delay the next attempt: if they were refused,
 * strangers could lock its owner out. The owner's own addresses are not even delayed. An unknown account counts like any
 * other, so that the limits do not tell which exist. `@fastify/rate-limit` keeps the counts: in Redis for all nodes, or
 * at most 5000 for each limit here.
 */
export function createAttempts(app: FastifyInstance, { knownAddresses, clock, wait }: AttemptsParts) {
  const callers = new WeakMap<FastifyRequest, Caller>()
  const delay = createAccountDelay({ wait })
  /** Attempts on this node that nobody knows the outcome of yet: a burst of guesses must not slip in before the first has failed. */
  const underWay = new Map<string, number>()

  function limit(max: number, keyOf: (caller: Caller) => string) {
    return createLimit(app, { max, timeWindow: windowMs, keyGenerator: (request) => keyOf(callers.get(request)!) })
  }

  const failureLimits = [
    limit(mostFailures.ofAccountAtAddress, ({ account, from }) => `account ${digest(account, from.address)}`),
    limit(mostFailures.ofAccountAtSite, ({ account, from }) => `account at site ${digest(account, from.site)}`),
    limit(mostFailures.ofAddress, ({ from }) => `address ${from.address}`),
    limit(mostFailures.ofSite, ({ from }) => `site ${from.site}`)
  ]
  const attemptLimits = [
    limit(mostAttempts.ofAddress, ({ from }) => `attempts of address ${from.address}`),
    limit(mostAttempts.ofSite, ({ from }) => `attempts of site ${from.site}`)
  ]
  const failuresOfAccount = limit(mostDelayingFailures, ({ account }) => `account everywhere ${digest(account)}`)

  function count(keys: readonly string[], change: 1 | -1): void {
    for (const key of keys) {
      const now = (underWay.get(key) ?? 0) + change
      if (now === 0) underWay.delete(key)
      else underWay.set(key, now)
    }
  }

  /** What is left of a limit when all that is under way has been counted. */
  const left = ({ key, remaining }: { key: string; remaining: number }) => remaining - (underWay.get(key) ?? 0)

  /**
   * Does the check, unless there were too many attempts before; `null` is a failure.
   * @throws Refusal TOO_MANY_ATTEMPTS, with Retry-After; BUSY
   */
  return async function attempt<T>(
    request: FastifyRequest,
    account: string,
    check: () => Promise<T | null>
  ): Promise<T | null> {
    const from = networkOf(request)
    callers.set(request, { account, from })
    const known = { username: account, address: from.address }
    const peek = { increment: false }
    const all = [failuresOfAccount, ...failureLimits, ...attemptLimits]
    const [ofAccount, ...states] = await Promise.all(all.map((limit) => limit(request, peek)))
    for (const state of states) {
      if (state.isAllowed || left(state) > 0) continue
      throw tooMany(state)
    }
    const delayMs = ofAccount!.isAllowed ? 0 : delayAfter(mostDelayingFailures - left(ofAccount!))
    const keys = [ofAccount!, ...states].map(({ key }) => key)
    count(keys, 1)
    try {
      if (delayMs > 0 && !(await knownAddresses.has(known, clock()))) await delay(delayMs, from)
      const outcome = await check()
      const counting = outcome === null ? all : attemptLimits
      await Promise.all(counting.map((limit) => limit(request)))
      if (outcome !== null) await knownAddresses.add(known, clock())
      return outcome
    } finally {
      count(keys, -1)
    }
  }
}

/** As a hook: an address makes a bounded number of users a minute, and so does a site. */
export function createRegistrationLimit(app: FastifyInstance) {
  const { timeWindow, ofAddress, ofSite } = registrations
  const limits = [
    createLimit(app, { max: ofAddress, timeWindow, keyGenerator: (from) => `register ${networkOf(from).address}` }),
    createLimit(app, { max: ofSite, timeWindow, keyGenerator: (from) => `register at site ${networkOf(from).site}` })
  ]

  return async function limitRegistrations(request: FastifyRequest): Promise<void> {
    for (const limit of limits) {
      const state = await limit(request)
      if (!state.isAllowed && state.isExceeded) throw tooMany(state)
    }
  }
}

function tooMany({ ttlInSeconds }: { ttlInSeconds: number }): Refusal {
  return new Refusal('TOO_MANY_ATTEMPTS', { 'retry-after': String(Math.max(1, ttlInSeconds)) })
}

/** Counts that cannot be read are no permission: while Redis is away, nothing that is limited is done. */
function createLimit(app: FastifyInstance, options: CreateRateLimitOptions) {
  const limit = app.createRateLimit(options)

  return async function limitOrRefuse(...call: Parameters<typeof limit>) {
    try {
      return await limit(...call)
    } catch (cause) {
      throw new Refusal('DATABASE_UNAVAILABLE', {}, { cause })
    }
  }
}

/** Of one length, whatever was typed for a name. */
function digest(account: string, from = ''): string {
  return createHash('sha256').update(`${account.toLowerCase()}\n${from}`).digest('base64url')
}
