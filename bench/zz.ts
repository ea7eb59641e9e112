import { measureStores } from './stores.ts'
import { quick, full } from './effort.ts'
const t = performance.now()
const r = await measureStores(process.argv[2] ? {...quick, sessions: full.sessions} : quick)
for (const { name, subject, reference, ratio } of [...r.refresh, ...r.rotation]) console.log(`  ${name.padEnd(52)} ${subject.cpuMicros.toFixed(1).padStart(7)} us  ${reference.cpuMicros.toFixed(1).padStart(7)} us  ${ratio.cpuMicros.toFixed(3)}  wall ${subject.wallMicros.toFixed(1).padStart(7)} us  ${reference.wallMicros.toFixed(1).padStart(7)} us ${ratio.wallMicros.toFixed(3)}`)
console.log(r.sessionBytes)
console.log(performance.now() - t)
