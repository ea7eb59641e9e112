import { withDefaults } from './with-defaults.ts'
import { objectOf, oneOf, whole } from './shape.ts'

const staleValues = ['accept', 'refuse', 'ask'] as const

/** How this process learns which sessions were revoked elsewhere. */
export interface RevocationOptions {
  /**
   * Seconds between two polls of the store's revocation log, 1 to 3600. Default 1. While the store's push works, the
   * log is read every 5 s if that is less often, and twice within `maxStalenessSeconds` if that is more often.
   */
  readonly pollSeconds?: number | undefined
  /**
   * The list of revocations is stale when the log has not been read for this many seconds. The event
   * `revocation-log-stale` reports it. Default 30; with `whenStale: 'ask'`, twice `pollSeconds`.
   */
  readonly maxStalenessSeconds?: number | undefined
  /**
   * What happens to requests with a token while the list is stale, and after a start without the store. `accept`: a
   * token is accepted unless this process knows that it was revoked. `refuse`: 503. `ask`: the request reads the log
   * first, and receives 503 if that fails. It is for processes that do not run all the time: the time that the machine
   * slept counts too. Default `accept`. Must not be `undefined`.
   * ```ts
   * await app.register(authenticate, { issuer, secret, revocation: { whenStale: 'ask' } })
   * ```
   */
  readonly whenStale?: (typeof staleValues)[number]
}

export const revocationDefaults = Object.freeze({
  pollSeconds: 1 as number,
  maxStalenessSeconds: 30,
  whenStale: 'accept' as (typeof staleValues)[number]
})

export const revocationShape = objectOf({
  pollSeconds: whole(1, 3600),
  maxStalenessSeconds: whole(1),
  whenStale: oneOf(staleValues)
})

export function resolveRevocation(given: RevocationOptions = {}) {
  const settings = withDefaults(given, revocationDefaults)
  if (settings.whenStale !== 'ask' || given.maxStalenessSeconds !== undefined) return Object.freeze(settings)
  return Object.freeze({ ...settings, maxStalenessSeconds: 2 * settings.pollSeconds })
}
