import { comparePairs, type NamedComparison } from './comparison.ts'
import { sharedDatabases, type StoreName } from './databases.ts'
import type { Effort } from './effort.ts'
import { startMicro } from './micro.ts'
import type { ProcessOptions } from './process.ts'

export type OfStore<T> = T & { readonly store: StoreName }

export interface Stores {
  /** A rotation in a store with many sessions against one in a store with few: medians of single calls. */
  readonly rotation: OfStore<NamedComparison>[]
  readonly sessionBytes: OfStore<{ bytes: number; sessions: number }>[]
}

export async function measureStores(effort: Effort): Promise<Stores> {
  const results: Stores = { rotation: [], sessionBytes: [] }
  const { few, manyInMemory, manyInDatabase } = effort.sessions
  for (const { location } of await sharedDatabases()) {
    const { store } = location
    const many = store === 'memory' ? manyInMemory : manyInDatabase
    const micro = {
      file: 'rotation.js',
      input: { location, sessions: { few, many } },
      execArgv: heapOptions,
      onReady: (ready: unknown) => {
        const { bytesPerSession: bytes } = ready as { bytesPerSession: number }
        results.sessionBytes.push({ store, bytes, sessions: many })
      }
    }
    const name = `${store}: ${many.toLocaleString('en')} sessions against ${few.toLocaleString('en')}`
    const cases = { name, subject: 'many', reference: 'few', effort: reduced(effort) }
    results.rotation.push({ store, ...(await compareOnce(micro, cases)) })
  }
  return results
}

/** The memory store needs room for its sessions; its size is read after a garbage collection. */
export const heapOptions = ['--expose-gc', '--max-old-space-size=8192']

/** Stores that wait for a disk would take too long with the full warm-up. */
export function reduced(effort: Effort): Effort {
  return { ...effort, warmUp: { ...effort.warmUp, operations: effort.warmUp.operations / 25 } }
}

interface MicroOptions extends ProcessOptions {
  readonly file: string
  readonly onReady?: (ready: unknown) => void
}

interface Cases {
  readonly name: string
  /** Names of cases of the process. */
  readonly subject: string
  readonly reference: string
  readonly effort: Effort
}

/** Compares two cases of a process that is started for them. */
async function compareOnce(
  { file, onReady = () => {}, ...options }: MicroOptions,
  { name, subject, reference, effort }: Cases
): Promise<NamedComparison> {
  const micro = await startMicro(file, options)
  try {
    onReady(micro.ready)
    const pair = {
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
