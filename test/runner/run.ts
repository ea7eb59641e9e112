// node --import tsx test/runner/run.ts [--fast] [--group logic|stores|browser] [--coverage] [--jobs 3]
//   [--timeout 600] [FILE…]
import { rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { print, red } from './print.ts'
import { canShare, testFiles } from './test-files.ts'
import { Batch, endAll, runFile, type TestResult } from './test-process.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    fast: { type: 'boolean', default: false },
    group: { type: 'string' },
    coverage: { type: 'boolean', default: false },
    jobs: { type: 'string' },
    timeout: { type: 'string', default: '600' }
  }
})

process.on('exit', endAll)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1))

const rawCoverage = '.cache/coverage/raw'
if (values.coverage) rmSync(rawCoverage, { recursive: true, force: true })

// Most of the long tests wait for another process; the fast ones do not.
const jobs = Number(values.jobs ?? availableParallelism() + (values.fast ? 0 : 1))
const started = performance.now()
const queue = positionals.length > 0 ? positionals : testFiles(values)
const results: TestResult[] = []

/** Whole programs run slower when their coverage is measured, and reach no line of the plugin that others do not. */
const programs = /^test\/(?:browser|docs|eject|example-server|flows|histories|mutants|runner)\//
/** These read files, or run what they write. */
const readers = /^test\/(?:architecture|bench|language|self-reference|types)\./
const isCoverable = (file: string) => !programs.test(file) && !readers.test(file)

async function work(): Promise<void> {
  const timeoutMs = Number(values.timeout) * 1000
  const limits = (file: string) => {
    const isCovered = values.coverage && isCoverable(file)
    return { timeoutMs, env: isCovered ? { NODE_V8_COVERAGE: rawCoverage } : {} }
  }
  const batches = new Map<boolean, Batch>()
  const batchFor = (file: string) => {
    const key = isCoverable(file)
    const batch = batches.get(key) ?? new Batch(limits(file))
    batches.set(key, batch)
    return batch
  }
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    const result = await (canShare(file) ? batchFor(file).run(file) : runFile(file, limits(file)))
    results.push(result)
    print(result)
  }
  for (const batch of batches.values()) await batch.end()
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
