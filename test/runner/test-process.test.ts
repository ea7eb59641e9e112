import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { runFile } from './test-process.ts'

/** Runs a test file of this content. */
async function run(t: Test, lines: readonly string[], timeoutMs = 60_000) {
  const folder = t.testdir()
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'example.test.ts')
  writeFileSync(file, [`import t from 'tap'`, ...lines].join('\n'))
  return await runFile(file, { timeoutMs })
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

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
