import type { Algorithm } from './algorithms.ts'
import { comparePairs, type NamedComparison, type Pair } from './comparison.ts'
import { sharedDatabases, type Database } from './databases.ts'
import type { Effort } from './effort.ts'
import { startMicro } from './micro.ts'
import { heapOptions, reduced, type OfStore } from './stores.ts'
import { audience, issuer, keyOf, secret } from './tokens.ts'

const least = { 'sign-in': 'leastSignIn', refresh: 'leastRefresh', 'refresh with claims': 'leastRefresh' } as const
const subjects = { 'sign-in': 'signIn', refresh: 'refresh', 'refresh with claims': 'refreshWithClaims' } as const

/**
 * Sign-in and refresh against the least that they need: the store's own call, one signature, and the macs of the
 * refresh tokens. Over each store with HS256; over the memory store, where the plugin's own part is the largest, with
 * ES256 too.
 */
export async function measureSignInAndRefresh(effort: Effort): Promise<OfStore<NamedComparison>[]> {
  const rows: OfStore<NamedComparison>[] = []
  for (const { location } of await sharedDatabases()) {
    rows.push(...(await measure({ location, alg: 'HS256', effort: reduced(effort) })))
    if (location.store === 'memory') rows.push(...(await measure({ location, alg: 'ES256', effort: reduced(effort) })))
  }
  return rows
}

async function measure({
  location,
  alg,
  effort
}: {
  readonly location: Database['location']
  readonly alg: Algorithm
  readonly effort: Effort
}): Promise<OfStore<NamedComparison>[]> {
  const { store } = location
  const micro = await startMicro('sign-in-and-refresh.js', {
    input: { location, users: effort.users, issuer, audience, secret, key: keyOf(alg) },
    execArgv: heapOptions
  })
  try {
    const pairs: Pair[] = []
    for (const operation of ['sign-in', 'refresh', 'refresh with claims'] as const) {
      pairs.push({
        name: `${store}: ${operation}${alg === 'HS256' ? '' : `, ${alg}`}`,
        subject: await micro.workload(subjects[operation], effort),
        reference: await micro.workload(least[operation], effort)
      })
    }
    const rows = await comparePairs(pairs, effort)
    return rows.map((row) => ({ store, ...row }))
  } finally {
    await micro.stop()
  }
}
