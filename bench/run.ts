import { loadavg } from 'node:os'
import type { Compared } from './contestant.ts'
import { full, quick } from './effort.ts'
import { goalsOf, show, verdictOn } from './goals.ts'
import { measureMemory } from './memory.ts'
import { measureProtectedRoute } from './protected-route.ts'
import { circumstances, saveResults, type Results } from './results.ts'
import { measureStartUp } from './start-up.ts'
import { measureStores } from './stores.ts'
import { measureVerification } from './verification.ts'

/** In the order in which they run. A run of some of them only is printed, and not saved. */
const parts = {
  protectedRoute: measureProtectedRoute,
  verification: measureVerification,
  stores: measureStores,
  memory: measureMemory,
  startUp: measureStartUp
}

const asked = process.argv.slice(2).filter((argument) => argument !== '--quick')
const unknown = asked.find((name) => !(name in parts))
if (unknown !== undefined) throw new Error(`There is no part "${unknown}": ${Object.keys(parts).join(', ')}`)
const effort = process.argv.includes('--quick') ? quick : full
const startedAt = performance.now()
const measured: Record<string, unknown> = {}
for (const [name, measure] of Object.entries(parts)) {
  if (asked.length > 0 && !asked.includes(name)) continue
  measured[name] = await measure(effort)
  console.log(
    `\n${name} (after ${((performance.now() - startedAt) / 1000).toFixed(0)} s, load ${loadavg()[0]!.toFixed(1)})`
  )
  print(measured[name])
}
if (asked.length === 0) conclude({ ...circumstances(effort), ...measured } as unknown as Results)

function conclude(results: Results): void {
  saveResults(results)
  console.log('\ngoals')
  for (const goal of goalsOf(results)) {
    console.log(
      `  ${goal.what.padEnd(78)} ${show(goal.value, goal.unit).padStart(7)}  limit ${show(goal.limit, goal.unit).padStart(7)}  ${verdictOn(goal)}`
    )
  }
}

/** Rows of comparisons as lines, and the rest as it is. */
function print(part: unknown): void {
  for (const rows of Array.isArray(part) ? [part] : Object.values(part as object)) {
    if (Array.isArray(rows) && 'ratio' in rows[0]) for (const row of rows) console.log(line(row))
    else console.log(' ', JSON.stringify(rows))
  }
}

function line({ name, subject, reference, ratio }: Compared): string {
  const figures = (of: 'cpuMicros' | 'wallMicros') =>
    `${subject[of].toFixed(1).padStart(8)} /${reference[of].toFixed(1).padStart(7)} us = ${ratio[of].toFixed(3).padStart(6)}`
  return `  ${name.padEnd(54)} cpu ${figures('cpuMicros')}   time ${figures('wallMicros')}`
}
