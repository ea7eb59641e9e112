import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Batch, runFile } from './test-process.ts'

/** Writes a test file of this content. */
function write(folder: string, { name = 'example', lines }: { name?: string; lines: readonly string[] }): string {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, `${name}.test.ts`)
  writeFileSync(file, [`import t from 'tap'`, ...lines].join('\n'))
  return file
}

/** Runs a test file of this content. */
async function run(t: Test, lines: readonly string[], timeoutMs = 60_000) {
  return await runFile(write(t.testdir(), { lines }), { timeoutMs })
}

t.test('runFile() reports one failure for each cause, and counts what passed', async (t) => {
  const { failures, assertions, skips } = await run(t, [
    `t.test('outer', async (t) => {`,
    `  await t.test('inner', async (t) => { t.ok(true); t.equal(1, 2, 'one is two') })`,
    `  for (const three of [3, 3]) t.equal(three, 4, 'three is four')`,
    '})',
    `t.test('later', { todo: 'not yet' }, () => {})`,
    `t.test('elsewhere', { skip: 'no database' }, () => {})`
  ])
  t.strictSame(
    failures.map((failure) => failure.split('\n')[0]),
    ['one is two', 'three is four (and 1 more on the same line)']
  )
  t.match(failures[0], 'lineNumber: 3')
  t.strictSame(skips, ['elsewhere: no database'])
  t.ok(assertions >= 1)
})

t.test('runFile() fails for a file that throws, contains no test or does not end', async (t) => {
  t.match((await run(t, [`throw new Error('boom')`])).failures[0], /^ended with 1\n[^]*boom/)
  t.strictSame((await run(t, [`t.pass('one')`])).failures, [])
  for (const line of ['t', 'process.exit(0)']) {
    t.strictSame((await run(t, [line])).failures, ['contains no test, or ended before the first'])
  }
  t.strictSame((await run(t, ['t.test(() => new Promise(() => setInterval(() => {}, 1000)))'], 3000)).failures, [
    'did not end within 3 s'
  ])
})

t.test('runFile() ends the processes that a test leaves behind', { skip: process.platform === 'win32' }, async (t) => {
  const { failures, output } = await run(t, [
    `import { spawn } from 'node:child_process'`,
    `const { pid } = spawn('sleep', ['600'], { stdio: 'ignore' })`,
    `t.pass('left ' + pid)`,
    'process.exit(0)'
  ])
  t.strictSame(failures, [])
  const pid = Number(/left (\d+)/.exec(output)?.[1])
  t.ok(pid > 0)
  // Signals reach a killed process until its parent, or init, has noticed its end.
  while (isRunning(pid)) await new Promise((resolve) => setTimeout(resolve, 10))
})

t.test('Batch reports each file by itself, and runs the next one after whatever ended the process', async (t) => {
  const folder = t.testdir()
  const batch = new Batch({ timeoutMs: 60_000 })
  t.teardown(() => batch.end())
  const contents: Record<string, readonly [line: string, failure?: RegExp]> = {
    leaves: [
      `globalThis.left = process.pid; t.pass('left ' + process.pid); t.teardown(() => { delete globalThis.left })`
    ],
    finds: [`t.equal(globalThis.left, undefined, 'the teardown has run'); t.pass('left ' + process.pid)`],
    asserts: [`t.test('inner', async (t) => { t.equal(1, 2, 'one is two') })`, /^one is two\n[^]*lineNumber: 2/],
    throws: [`throw new Error('boom')`, /^boom\n/],
    empty: ['t', /^contains no test, or ended before the first/],
    unfinished: [`t.test('never', () => new Promise(() => {}))`, /^test unfinished\n[^]*test: never/],
    exits: ['process.exit(0)', /^test unfinished|^contains no test/],
    last: [`t.pass('one')`]
  }
  const pids: (string | undefined)[] = []
  for (const [name, [line, failure]] of Object.entries(contents)) {
    const file = write(folder, { name, lines: [line] })
    const result = await batch.run(file)
    t.equal(result.file, file)
    t.equal(result.failures.length, failure === undefined ? 0 : 1, name)
    if (failure !== undefined) t.match(result.failures[0], failure, name)
    pids.push(/left (\d+)/.exec(result.output)?.[1])
  }
  t.equal(pids[1], pids[0], 'both files ran in one process')

  const impatient = new Batch({ timeoutMs: 3000 })
  t.teardown(() => impatient.end())
  const hanging = write(folder, {
    name: 'hangs',
    lines: ['t.test(() => new Promise(() => setInterval(() => {}, 1000)))']
  })
  t.strictSame((await impatient.run(hanging)).failures, ['did not end within 3 s'])
})

t.test('run.ts --fast prints the file of a failure, and ends with 1', async (t) => {
  const folder = t.testdir()
  const good = write(folder, { name: 'good', lines: [`t.pass('one')`] })
  const bad = write(folder, { name: 'bad', lines: [`t.equal(1, 2, 'one is two')`] })
  const args = ['--import', 'tsx', 'test/runner/run.ts', '--fast', '--jobs', '1', bad, good]
  const { stdout, status } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  t.equal(status, 1)
  t.match(stdout, `pass ${good} `)
  t.match(stdout, `FAIL ${bad}: one is two\n`)
})

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
