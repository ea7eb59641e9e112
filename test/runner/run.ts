// node --import tsx test/runner/run.ts [--fast] [--group logic|stores|browser] [--coverage] [--jobs 3]
//   [--timeout 300] [FILE…]
import { rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { print, red } from './print.ts'
import { alone, testFiles } from './test-files.ts'
import { Batch, endAll, runFile, type TestResult } from './test-process.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    fast: { type: 'boolean', default: false },
    group: { type: 'string' },
    coverage: { type: 'boolean', default: false },
    jobs: { type: 'string' },
    timeout: { type: 'string', default: '300' }
  }
})

process.on('exit', endAll)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1))

const rawCoverage = '.cache/coverage/raw'
if (values.coverage) rmSync(rawCoverage, { recursive: true, force: true })

const fast = new Set(testFiles({ fast: true }))
// Most of the long tests wait for another process; the fast ones do not.
const jobs = Number(values.jobs ?? availableParallelism() + (values.fast ? 0 : 1))
const started = performance.now()
const queue = positionals.length > 0 ? positionals : testFiles(values)
const results: TestResult[] = []

/** Whole programs run slower when their coverage is measured, and reach no line of the plugin that others do not. */
const uncovered = /^test\/(browser|docs|example-server|flows|histories|mutants|runner)\/|^test\/[\w-]+\.test\.ts$/

function coverageOf(file: string): Record<string, string> {
  return values.coverage && !uncovered.test(file) ? { NODE_V8_COVERAGE: rawCoverage } : {}
}

async function work(): Promise<void> {
  const timeoutMs = Number(values.timeout) * 1000
  const batch = new Batch({ timeoutMs, env: values.coverage ? { NODE_V8_COVERAGE: rawCoverage } : {} })
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    const isBatched = fast.has(file) && !(file in alone)
    const result = isBatched ? await batch.run(file) : await runFile(file, { timeoutMs, env: coverageOf(file) })
    results.push(result)
    print(result)
  }
  await batch.end()
}

await Promise.all(Array.from({ length: jobs }, work))

const failed = results.filter(({ failures }) => failures.length > 0)
const assertions = results.reduce((sum, result) => sum + result.assertions, 0)
console.log(
  `\n${results.length} files, ${assertions} assertions, ${((performance.now() - started) / 1000).toFixed(0)} s`
)
for (const { file, failures } of failed) {
  for (const failure of failures) console.log(red(`FAIL ${file}: ${failure.split('\n')[0]}`))
}
if (failed.length > 0 || results.length === 0) process.exitCode = 1
