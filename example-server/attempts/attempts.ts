import type { CreateRateLimitOptions } from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { KnownAddresses } from '../database/known-addresses.ts'
import { createAccountDelay, delayAfter, maxDelayingFailures } from './account-delay.ts'
import { networkOf, type Network } from './client-network.ts'
import { createLimit, digest, tooManyAttempts } from './limit.ts'

const windowMs = 5 * 60_000

/** Failures within a window: 20 guesses at one account. Many people can share an address, and more of them a site. */
const maxFailures = { ofAccountAtAddress: 20, ofAccountAtSite: 60, ofAddress: 200, ofSite: 600 }

/** Attempts within a window, including successful ones: a right password costs as much to check as a wrong one. */
const maxAttempts = { ofAddress: 1000, ofSite: 3000 }

interface Caller {
  readonly account: string
  readonly from: Network
}

export interface AttemptsOptions {
  readonly knownAddresses: KnownAddresses
  readonly clock: () => number
  /** Resolves after so many ms. */
  readonly wait: (ms: number) => Promise<unknown>
}

export interface Attempt<T> {
  /** The username that was sent, whether or not it exists. */
  readonly account: string
  /** Checks the password; `null` is a failure. */
  readonly check: () => Promise<T | null>
}

export type Attempts = ReturnType<typeof createAttempts>

/**
 * Slows down guessing. Too many failures of one account from one address or site, or of all accounts from one address
 * or site, are refused. Failures of one account from everywhere only delay the next attempt: refusing it would let
 * strangers lock the owner out. Addresses that the owner has signed in from are not delayed. An unknown account is
 * counted like any other, so that the limits do not reveal which accounts exist. `@fastify/rate-limit` keeps the
 * counters: in Redis for all nodes, otherwise in memory, at most 5000 per limit.
 */
export function createAttempts(app: FastifyInstance, { knownAddresses, clock, wait }: AttemptsOptions) {
  const callers = new WeakMap<FastifyRequest, Caller>()
  const delay = createAccountDelay({ wait })
  /** Attempts on this node without an outcome yet: a burst of guesses must not pass before the first one has failed. */
  const pending = new Map<string, number>()

  function limit(max: number, keyOf: (caller: Caller) => string) {
    const options: CreateRateLimitOptions = {
      max,
      timeWindow: windowMs,
      keyGenerator: (request) => keyOf(callers.get(request)!)
    }
    return createLimit(app, options)
  }

  const failureLimits = [
    limit(maxFailures.ofAccountAtAddress, ({ account, from }) => `account ${digest(account, from.address)}`),
    limit(maxFailures.ofAccountAtSite, ({ account, from }) => `account at site ${digest(account, from.site)}`),
    limit(maxFailures.ofAddress, ({ from }) => `address ${from.address}`),
    limit(maxFailures.ofSite, ({ from }) => `site ${from.site}`)
  ]
  const attemptLimits = [
    limit(maxAttempts.ofAddress, ({ from }) => `attempts of address ${from.address}`),
    limit(maxAttempts.ofSite, ({ from }) => `attempts of site ${from.site}`)
  ]
  const accountFailures = limit(maxDelayingFailures, ({ account }) => `account everywhere ${digest(account)}`)

  function count(keys: readonly string[], change: 1 | -1): void {
    for (const key of keys) {
      const now = (pending.get(key) ?? 0) + change
      if (now === 0) pending.delete(key)
      else pending.set(key, now)
    }
  }

  /** What remains of a limit if every pending attempt is counted. */
  const left = ({ key, remaining }: { key: string; remaining: number }) => remaining - (pending.get(key) ?? 0)

  /**
   * Runs the check, unless there were too many attempts before.
   * @throws AppError TOO_MANY_ATTEMPTS, with Retry-After; BUSY
   */
  return async function attempt<T>(request: FastifyRequest, { account, check }: Attempt<T>): Promise<T | null> {
    const from = networkOf(request)
    callers.set(request, { account, from })
    const caller = { username: account, address: from.address }
    const peek = { increment: false }
    const all = [accountFailures, ...failureLimits, ...attemptLimits]
    const [ofAccount, ...states] = await Promise.all(all.map((limit) => limit(request, peek)))
    for (const state of states) {
      if (state.isAllowed || left(state) > 0) continue
      throw tooManyAttempts(state)
    }
    const delayMs = ofAccount!.isAllowed ? 0 : delayAfter(maxDelayingFailures - left(ofAccount!))
    const keys = [ofAccount!, ...states].map(({ key }) => key)
    count(keys, 1)
    try {
      if (delayMs > 0 && !(await knownAddresses.has(caller, clock()))) await delay(delayMs, from)
      const outcome = await check()
      const counting = outcome === null ? all : attemptLimits
      await Promise.all(counting.map((limit) => limit(request)))
      if (outcome !== null) await knownAddresses.add(caller, clock())
      return outcome
    } finally {
      count(keys, -1)
    }
  }
}
