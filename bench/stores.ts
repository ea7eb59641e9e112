import { comparePairs, type NamedComparison, type Pair } from './comparison.ts'
import { startDatabases, type Database, type StoreName } from './databases.ts'
import type { Effort } from './effort.ts'
import { startMicro, type Micro } from './micro.ts'
import { audience, issuer, keyOf, secret } from './tokens.ts'

const users = 200

export type OfStore<T> = T & { readonly store: StoreName }

export interface Stores {
  /** `reply.refresh()` against the store's own compare-and-set and one signature. */
  readonly refresh: OfStore<NamedComparison>[]
  /** A rotation in a store with many sessions against one in a store with few: medians. */
  readonly rotation: OfStore<NamedComparison>[]
  readonly sessionBytes: OfStore<{ bytes: number }>[]
}

export async function measureStores(effort: Effort): Promise<Stores> {
  const databases = await startDatabases()
  const results: Stores = { refresh: [], rotation: [], sessionBytes: [] }
  // Stores that wait for a disk would take too long with the full warm-up.
  const reduced = { ...effort, warmUp: { ...effort.warmUp, operations: effort.warmUp.operations / 25 } }
  try {
    for (const { location } of databases) await measureStore({ location, effort: reduced, results })
  } finally {
    for (const database of databases) await database.stop()
  }
  return results
}

async function measureStore({
  location,
  effort,
  results: { refresh, rotation, sessionBytes }
}: {
  readonly location: Database['location']
  readonly effort: Effort
  readonly results: Stores
}): Promise<void> {
  const { store } = location
  const refreshing = await startMicro('refresh.js', {
    input: { location, users, issuer, audience, secret, key: keyOf('HS256') },
    execArgv: heapOptions
  })
  const refreshCases = { name: `${store}: refresh`, subject: 'refresh', reference: 'compareAndSet' }
  refresh.push({ store, ...(await compareOnce(refreshing, { ...refreshCases, effort })) })

  const { few, many } = effort.sessions
  const rotating = await startMicro('rotation.js', {
    input: { location, sessions: effort.sessions },
    execArgv: heapOptions
  })
  sessionBytes.push({ store, bytes: (rotating.ready as { bytesPerSession: number }).bytesPerSession })
  const name = `${store}: ${many.toLocaleString('en')} sessions against ${few.toLocaleString('en')}`
  const rotationCases = { name, subject: 'many', reference: 'few' }
  rotation.push({ store, ...(await compareOnce(rotating, { ...rotationCases, effort })) })
}

/** The memory store needs room for its sessions; its size is read after a garbage collection. */
const heapOptions = ['--expose-gc', '--max-old-space-size=8192']

interface Cases {
  readonly name: string
  /** Names of cases of the process. */
  readonly subject: string
  readonly reference: string
  readonly effort: Effort
}

async function compareOnce(micro: Micro, { name, subject, reference, effort }: Cases): Promise<NamedComparison> {
  try {
    const pair: Pair = {
      name,
      subject: await micro.workload(subject, effort),
      reference: await micro.workload(reference, effort)
    }
    const [row] = await comparePairs([pair], { ...effort, rounds: effort.rounds * 2 })
    return row!
  } finally {
    await micro.stop()
  }
}
