import { loadavg } from 'node:os'
import type { NamedComparison } from './comparison.ts'
import { full, leftOut, quick, type Effort } from './effort.ts'
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

/** The parts, in the order in which they run. Only a full run of all of them is saved; others are printed. */
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
    const beganAt = performance.now()
    measured[name] = await measure(effort, groups)
    console.log(`\n${name} (${secondsSince(beganAt)} s, load ${loadavg()[0]!.toFixed(1)})`)
    print(measured[name])
  }
} finally {
  await stopSharedDatabases()
}
if (selected.length === 0) conclude({ ...describeRun(effort), ...measured } as unknown as Results)
console.log(`\n${effort.name} run: ${secondsSince(startedAt)} s`)
if (effort === quick && selected.length === 0) for (const what of leftOut) console.log(`  not measured: ${what}`)

function secondsSince(ms: number): string {
  return ((performance.now() - ms) / 1000).toFixed(1)
}

function conclude(results: Results): void {
  if (results.effort === full) saveResults(results)
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
    if (Array.isArray(rows) && rows.length === 0) continue
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
