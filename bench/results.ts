import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { join } from 'node:path'
import type { NamedComparison } from './comparison.ts'
import type { DatabaseLoad } from './database-load.ts'
import type { DatabaseSession } from './database-sessions.ts'
import type { Effort } from './effort.ts'
import type { ManyNodes } from './many-nodes.ts'
import type { Memory } from './memory.ts'
import type { Pause } from './pauses.ts'
import type { ProtectedRoute } from './protected-route.ts'
import type { StartUp } from './start-up.ts'
import type { OfStore, Stores } from './stores.ts'
import type { Storm } from './storm.ts'

/** The results of one run. */
export interface Results {
  readonly date: string
  readonly node: string
  readonly platform: string
  readonly cores: number
  readonly processor: string
  /** Versions of the other libraries. */
  readonly versions: Readonly<Record<string, string>>
  readonly effort: Effort
  readonly protectedRoute: ProtectedRoute
  readonly verification: readonly NamedComparison[]
  readonly signInAndRefresh: readonly OfStore<NamedComparison>[]
  readonly stores: Stores
  readonly databaseSessions: readonly DatabaseSession[]
  readonly storm: readonly Storm[]
  /** `null` if Redis is not installed. */
  readonly manyNodes: ManyNodes | null
  readonly pauses: readonly Pause[]
  /** Absent where the databases are not installed. */
  readonly databaseLoad: readonly DatabaseLoad[]
  readonly memory: Memory
  readonly startUp: StartUp
}

const file = join(import.meta.dirname, 'results.json')

/** Everything about a run except its figures. */
export function describeRun(
  effort: Effort
): Pick<Results, 'date' | 'node' | 'platform' | 'cores' | 'processor' | 'versions' | 'effort'> {
  const { version, platform, arch } = process
  return {
    date: new Date().toISOString().slice(0, 10),
    node: version,
    platform: `${platform} ${arch}`,
    cores: availableParallelism(),
    processor: cpus()[0]?.model ?? 'unknown',
    versions: JSON.parse(readFileSync(join(import.meta.dirname, 'package.json'), 'utf8')).dependencies,
    effort
  }
}

export function saveResults(results: Results): void {
  writeFileSync(file, `${JSON.stringify(results, roundNumbers, 2)}\n`)
}

export function readResults(): Results {
  return JSON.parse(readFileSync(file, 'utf8')) as Results
}

function roundNumbers(_name: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(5)) : value
}
