import type { NamedComparison } from './comparison.ts'
import { sharedDatabases } from './databases.ts'
import type { Effort } from './effort.ts'
import { compareOnce, heapOptions, reduced, type OfStore } from './stores.ts'
import { audience, issuer, keyOf, secret } from './tokens.ts'

const users = 200

/** Sign-in and refresh against the least that they need: the store's own call and one signature. */
export async function measureSignInAndRefresh(effort: Effort): Promise<OfStore<NamedComparison>[]> {
  const rows: OfStore<NamedComparison>[] = []
  for (const { location } of await sharedDatabases()) {
    const { store } = location
    const micro = {
      file: 'refresh.js',
      input: { location, users, issuer, audience, secret, key: keyOf('HS256') },
      execArgv: heapOptions
    }
    const cases = { name: `${store}: refresh`, subject: 'refresh', reference: 'compareAndSet' }
    rows.push({ store, ...(await compareOnce(micro, { ...cases, effort: reduced(effort) })) })
  }
  return rows
}
