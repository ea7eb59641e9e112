// Compares the rotations per second of one process and of three processes over one SQLite file, each with 100
// concurrent callers. Fails if three processes do less than 0.8 times the work of one, or if a call was rejected.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { WriterReport } from '../test/fixtures/sqlite-writers.ts'

const callers = 100
const seconds = 4
const rounds = 3
const goal = 0.8

const folder = mkdtempSync(join(tmpdir(), 'sqlite-processes-'))
const entry = fileURLToPath(new URL('../test/fixtures/sqlite-writers.ts', import.meta.url))

async function measure(processes: number, file: string) {
  const args = [...process.execArgv, entry, join(folder, file), `${callers}`, `${seconds}`]
  const children = Array.from({ length: processes }, () =>
    spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  )
  await Promise.all(children.map((child) => once(child.stdout, 'data')))
  for (const child of children) child.stdin.write('go\n')
  const reports = await Promise.all(children.map(async ({ stdout }) => JSON.parse(await text(stdout)) as WriterReport))
  return {
    perSecond: reports.reduce((sum, report) => sum + report.perSecond, 0),
    longestMs: Math.max(...reports.map(({ longestMs }) => longestMs)),
    failures: reports.flatMap(({ failures }) => failures)
  }
}

const ratios: number[] = []
let failures = 0
for (let round = 1; round <= rounds; round++) {
  const one = await measure(1, `one-${round}.db`)
  const three = await measure(3, `three-${round}.db`)
  ratios.push(three.perSecond / one.perSecond)
  failures += one.failures.length + three.failures.length
  const describe = ({ perSecond, longestMs }: typeof one) =>
    `${Math.round(perSecond)}/s, longest ${Math.round(longestMs)} ms`
  console.log(`one process: ${describe(one)}; three: ${describe(three)}`)
}
rmSync(folder, { recursive: true })

const median = ratios.sort((a, b) => a - b)[rounds >> 1]!
console.log(`three processes against one: ${median.toFixed(2)} (goal: at least ${goal}), ${failures} calls rejected`)
if (median < goal || failures > 0) process.exitCode = 1
