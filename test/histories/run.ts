// npm run test:histories -- --store redis --seconds 60 [--operations 10000] [--seed 1] [--keep FILE]
//   [--retry-seconds 1] [--late-retries 4] [--expiring]
// npm run test:histories -- --check FILE
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { check } from './check.ts'
import { databaseNames } from './databases.ts'
import type { DatabaseName } from './databases.ts'
import type { History } from './history.ts'
import { expiringOptions, recordHistory } from './record.ts'

/** How many violations of one kind are printed. */
const shown = 2

const { values } = parseArgs({
  options: {
    store: { type: 'string', multiple: true, default: [...databaseNames] },
    seconds: { type: 'string', default: '60' },
    operations: { type: 'string', default: '10000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    'retry-seconds': { type: 'string', default: '1' },
    'late-retries': { type: 'string', default: '4' },
    expiring: { type: 'boolean', default: false },
    keep: { type: 'string' },
    check: { type: 'string' }
  }
})

// Servers and processes are stopped when this process exits, and a signal alone does not run the exit handlers.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))

if (values.check !== undefined) judge(JSON.parse(readFileSync(values.check, 'utf8')) as History)
else {
  for (const store of values.store as DatabaseName[]) {
    if (!databaseNames.includes(store)) {
      throw new TypeError(`"--store" must be one of ${databaseNames.join(', ')}: received ${store}`)
    }
    const history = await recordHistory(store, {
      seconds: Number(values.seconds),
      operations: Number(values.operations),
      seed: Number(values.seed),
      policy: { retrySeconds: Number(values['retry-seconds']), lateRetries: Number(values['late-retries']) },
      ...(values.expiring && expiringOptions)
    })
    if (values.keep !== undefined) writeFileSync(values.keep, JSON.stringify(history))
    judge(history)
  }
}

function judge(history: History): void {
  const { store, seed, operations, readings, faults } = history
  const violations = check(history)
  const outcomes = operations.map(({ call, outcome }) => `${call.do} ${outcome?.code ?? outcome?.status ?? 'lost'}`)
  console.log(`${store}: ${operations.length} operations, ${violations.length} violations (seed ${seed})`)
  console.log(`  ${counted(outcomes)}, ${readings.length} readings of the log`)
  console.log(`  faults: ${counted(faults.map(({ kind }) => kind))}`)
  if (violations.length > 0) console.log(`  ${counted(violations.map(({ sentence }) => sentence))}`)
  const seen = new Map<string, number>()
  for (const { sentence, excerpt } of violations) {
    const count = (seen.get(sentence) ?? 0) + 1
    seen.set(sentence, count)
    if (count <= shown) console.log(`\n${sentence}\n${excerpt}`)
  }
  if (violations.length > 0) process.exitCode = 1
}

function counted(names: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  const sorted = [...counts].sort(([one], [other]) => one.localeCompare(other))
  return sorted.map(([name, count]) => `${count} ${name}`).join(', ')
}
