import { full, quick } from './effort.ts'
import { measureProtectedRoute } from './protected-route.ts'

const effort = process.argv.includes('--quick') ? quick : full
const started = performance.now()
const results = await measureProtectedRoute(effort)
for (const [group, rows] of Object.entries(results)) {
  console.log(group)
  for (const { name, subject, reference, ratio } of rows as typeof results.plugin) {
    console.log(`  ${name.padEnd(52)} ${subject.cpuMicros.toFixed(1).padStart(7)} us  ${reference.cpuMicros.toFixed(1).padStart(7)} us  ${ratio.cpuMicros.toFixed(3)}  wall ${ratio.wallMicros.toFixed(3)}`)
  }
}
console.log(((performance.now() - started) / 1000).toFixed(0), 's')
