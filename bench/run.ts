import { loadavg } from 'node:os'
import type { NamedComparison } from './comparison.ts'
import { full, quick, type Effort } from './effort.ts'
import { measureDatabaseLoad } from './database-load.ts'
import { format, goalsOf, outcomeOf } from './goals.ts'
import { measureDatabaseSessions } from './database-sessions.ts'
import { stopSharedDatabases } from './databases.ts'
import { measureManyNodes } from './many-nodes.ts'
import { measureMemory } from './memory.ts'
import { measurePauses } from './pauses.ts'
import { measureProtectedRoute } from './protected-route.ts'
import { describeRun, saveResults, type Results } from './results.ts'
import { measureSignInAndRefresh } from './sign-in-and-refresh.ts'
import { measureStartUp } from './start-up.ts'
import { measureStores } from './stores.ts'
import { measureStorm } from './storm.ts'
import { measureVerification } from './verification.ts'

/** The parts, in the order in which they run. A run of only some of them is printed but not saved. */
const parts = {
  protectedRoute: measureProtectedRoute,
  verification: measureVerification,
  signInAndRefresh: measureSignInAndRefresh,
  stores: measureStores,
  databaseSessions: measureDatabaseSessions,
  storm: measureStorm,
  manyNodes: measureManyNodes,
  pauses: measurePauses,
  databaseLoad: measureDatabaseLoad,
  memory: measureMemory,
  startUp: measureStartUp
}

const selected = process.argv.slice(2).filter((argument) => argument !== '--quick')
const unknown = selected.find((name) => !(name.split('.')[0]! in parts))
if (unknown !== undefined) throw new Error(`unknown part "${unknown}": expected ${Object.keys(parts).join(', ')}`)
const effort = process.argv.includes('--quick') ? quick : full
const startedAt = performance.now()
const measured: Record<string, unknown> = {}
try {
  for (const [name, measure] of Object.entries<(effort: Effort, groups: readonly string[]) => Promise<unknown>>(
    parts
  )) {
    const chosen = selected.filter((argument) => argument.split('.')[0] === name)
    if (selected.length > 0 && chosen.length === 0) continue
    // `protectedRoute.seen` selects a group of rows.
    const groups = chosen.flatMap((argument) => argument.split('.').slice(1))
    measured[name] = await measure(effort, groups)
    console.log(
      `\n${name} (after ${((performance.now() - startedAt) / 1000).toFixed(0)} s, load ${loadavg()[0]!.toFixed(1)})`
    )
    print(measured[name])
  }
} finally {
  await stopSharedDatabases()
}
if (selected.length === 0) conclude({ ...describeRun(effort), ...measured } as unknown as Results)

function conclude(results: Results): void {
  saveResults(results)
  console.log('\ngoals')
  for (const goal of goalsOf(results)) {
    const [value, limit] = [goal.value, goal.limit].map((figure) => format(figure, goal.unit).padStart(7))
    const what = `${goal.what}${goal.floor === undefined ? '' : `, against ${goal.floor}`}`
    console.log(`  ${what.padEnd(82)} ${value}  limit ${limit}  ${outcomeOf(goal)}`)
  }
}

/** Prints comparisons as lines, and everything else as JSON. */
function print(part: unknown): void {
  for (const rows of Array.isArray(part) ? [part] : Object.values(part ?? {})) {
    if (Array.isArray(rows) && rows[0]?.ratio !== undefined) for (const row of rows) console.log(line(row))
    else console.log(' ', JSON.stringify(rows))
  }
}

function line({ name, subject, reference, ratio }: NamedComparison): string {
  const figures = (unit: 'cpuMicros' | 'wallMicros') => {
    const [one, other] = [subject[unit].toFixed(1).padStart(8), reference[unit].toFixed(1).padStart(7)]
    return `${one} /${other} us = ${ratio[unit].toFixed(3).padStart(6)}`
  }
  return `  ${name.padEnd(54)} cpu ${figures('cpuMicros')}   time ${figures('wallMicros')}`
}
