import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { join } from 'node:path'
import type { Compared } from './contestant.ts'
import type { Effort } from './effort.ts'
import type { Memory } from './memory.ts'
import type { ProtectedRoute } from './protected-route.ts'
import type { StartUp } from './start-up.ts'
import type { Stores } from './stores.ts'

/** What one run found out. */
export interface Results {
  readonly date: string
  readonly node: string
  readonly platform: string
  readonly cores: number
  readonly processor: string
  /** Of what was compared with. */
  readonly versions: Readonly<Record<string, string>>
  readonly effort: Effort
  readonly protectedRoute: ProtectedRoute
  readonly verification: readonly Compared[]
  readonly stores: Stores
  readonly memory: Memory
  readonly startUp: StartUp
}

const file = join(import.meta.dirname, 'results.json')

export function circumstances(
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
