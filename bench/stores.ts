import { comparePairs, type Compared, type Pair } from './contestant.ts'
import { startDatabases, type Database, type StoreName } from './databases.ts'
import type { Effort } from './effort.ts'
import { startMicro, type Micro } from './micro.ts'
import { audience, issuer, keyOf, secret } from './tokens.ts'

const users = 200

export type OfStore<T> = T & { readonly store: StoreName }

export interface Stores {
  /** `reply.refresh()` against the store's own compare-and-set and one signature. */
  readonly refresh: OfStore<Compared>[]
  /** The store's rotation among many sessions against the one among few: medians. */
  readonly rotation: OfStore<Compared>[]
  readonly sessionBytes: OfStore<{ bytes: number }>[]
}

export async function measureStores(effort: Effort): Promise<Stores> {
  const databases = await startDatabases()
  const results: Stores = { refresh: [], rotation: [], sessionBytes: [] }
  // Some wait for a disk: they need no compiler, and have not the time for so many.
  const patient = { ...effort, warmUp: { ...effort.warmUp, operations: effort.warmUp.operations / 25 } }
  try {
    for (const { place } of databases) await measureStore(place, patient, results)
  } finally {
    for (const database of databases) await database.stop()
  }
  return results
}

async function measureStore(
  place: Database['place'],
  effort: Effort,
  { refresh, rotation, sessionBytes }: Stores
): Promise<void> {
  const { store } = place
  const refreshing = await startMicro(
    'refresh.js',
    { place, users, issuer, audience, secret, key: keyOf('HS256') },
    inspecting
  )
  const refreshed = await compareOnce(
    refreshing,
    { name: `${store}: refresh`, subject: 'refresh', reference: 'compareAndSet' },
    effort
  )
  refresh.push({ store, ...refreshed })

  const { few, many } = effort.sessions
  const rotating = await startMicro('rotation.js', { place, sessions: effort.sessions }, inspecting)
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

/** The memory store needs room for its sessions, and has its size found out after a collection. */
const inspecting = ['--expose-gc', '--max-old-space-size=8192']

async function compareOnce(
  micro: Micro,
  { name, subject, reference }: { name: string; subject: string; reference: string },
  effort: Effort
): Promise<Compared> {
  try {
    const pair: Pair = {
      name,
      subject: await micro.contestant(subject, effort),
      reference: await micro.contestant(reference, effort)
    }
    const [compared] = await comparePairs([pair], { ...effort, rounds: effort.rounds * 2 })
    return compared!
  } finally {
    await micro.stop()
  }
}
