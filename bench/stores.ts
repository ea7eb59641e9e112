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
    for (const { location } of databases) await measureStore(location, reduced, results)
  } finally {
    for (const database of databases) await database.stop()
  }
  return results
}

async function measureStore(
  location: Database['location'],
  effort: Effort,
  { refresh, rotation, sessionBytes }: Stores
): Promise<void> {
  const { store } = location
  const refreshing = await startMicro(
    'refresh.js',
    { location, users, issuer, audience, secret, key: keyOf('HS256') },
    heapOptions
  )
  const refreshed = await compareOnce(
    refreshing,
    { name: `${store}: refresh`, subject: 'refresh', reference: 'compareAndSet' },
    effort
  )
  refresh.push({ store, ...refreshed })

  const { few, many } = effort.sessions
  const rotating = await startMicro('rotation.js', { location, sessions: effort.sessions }, heapOptions)
  sessionBytes.push({ store, bytes: (rotating.ready as { bytesPerSession: number }).bytesPerSession })
  const rotated = await compareOnce(
    rotating,
    {
      name: `${store}: ${many.toLocaleString('en')} sessions against ${few.toLocaleString('en')}`,
      subject: 'many',
      reference: 'few'
    },
    effort
  )
  rotation.push({ store, ...rotated })
}

/** The memory store needs room for its sessions; its size is read after a garbage collection. */
const heapOptions = ['--expose-gc', '--max-old-space-size=8192']

async function compareOnce(
  micro: Micro,
  { name, subject, reference }: { name: string; subject: string; reference: string },
  effort: Effort
): Promise<NamedComparison> {
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
