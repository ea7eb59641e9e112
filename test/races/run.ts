// npm run test:races -- [count] [--store sqlite|redis|postgres] [--seed number]
// npm run test:races -- --kill [count]
import { parseArgs } from 'node:util'
import { skips, storeNames } from '../fixtures/race-database.ts'
import type { StoreName } from '../fixtures/race-database.ts'
import { race } from './drive.ts'
import { killAgainAndAgain } from './kill.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { store: { type: 'string', multiple: true, default: [...storeNames] }, seed: { type: 'string', default: '1' }, kill: { type: 'boolean', default: false } }
})
const count = Number(positionals[0] ?? (values.kill ? 200 : 10_000))
const seed = Number(values.seed)
console.log(`seed ${seed}`)

for (const store of values.kill ? ['sqlite', 'postgres'] as const : []) {
  const { kills, refreshes, violations } = await killAgainAndAgain(store, { kills: Math.ceil(count / 2), seed })
  console.log(`${store}: killed ${kills} times in ${refreshes} refreshes, ${violations.length} violations`)
  for (const sentence of violations.slice(0, 20)) console.log(`  ${sentence}`)
  if (violations.length > 0) process.exitCode = 1
}

for (const store of values.kill ? [] : values.store as StoreName[]) {
  if (skips[store] !== false) throw new Error(String(skips[store]))
  const { races, calls, byKind, violations, wrongAt, longestMs, seconds } = await race(store, { count, seed })
  console.log(`${store}: ${races} races, ${violations.length} violations (${calls} calls, longest ${longestMs.toFixed()} ms, ${seconds.toFixed()} s)`)
  for (const [kind, number] of Object.entries(byKind)) console.log(`  ${number} ${kind}`)
  for (const sentence of violations.slice(0, 20)) console.log(`  ${sentence}`)
  if (wrongAt.size > 0) console.log(`  at the seconds ${[...wrongAt].join(', ')}`)
  if (violations.length > 0 || races < count) process.exitCode = 1
}
