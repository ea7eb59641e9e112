import { execFileSync, spawn, type ChildProcess } from 'node:child_process'

export interface TestResult {
  readonly file: string
  readonly seconds: number
  readonly assertions: number
  /** Why the file failed; empty when it passed. */
  readonly failures: readonly string[]
  /** What it printed, as TAP. */
  readonly output: string
  /** Tests that were skipped, with the reason. */
  readonly skips: readonly string[]
}

const loader = new URL('typescript.js', import.meta.url).href
const running = new Set<ChildProcess>()

/** Ends every test that runs, with the processes it has started. */
export function endAll(): void {
  for (const child of running) endGroup(child)
}

/** Runs one test file in a process of its own, and ends what it leaves behind. */
export async function runFile(
  file: string,
  { timeoutMs, env = {} }: { timeoutMs: number; env?: Record<string, string> }
): Promise<TestResult> {
  const started = performance.now()
  const child = spawn(process.execPath, ['--import', loader, file], {
    // A process group of its own, so that all processes below it can be ended.
    detached: process.platform !== 'win32',
    // `timeoutMs` ends a test that hangs. tap's own limit of 30 s would fail on a busy machine.
    env: { ...process.env, ...env, TAP_TIMEOUT: String(timeoutMs / 1000) },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  running.add(child)
  let tap = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (tap += chunk))
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk))
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    endGroup(child)
  }, timeoutMs)
  const exit = await new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(error.message))
    child.on('exit', (code, signal) => resolve(signal ?? String(code)))
  })
  clearTimeout(timer)
  endGroup(child)
  running.delete(child)
  const failures = timedOut ? [`did not end within ${timeoutMs / 1000} s`] : failuresOf(tap, { exit, stderr })
  const seconds = (performance.now() - started) / 1000
  return { file, seconds, assertions: tap.match(/^ *ok /gm)?.length ?? 0, failures, output: tap, skips: skipsOf(tap) }
}

function endGroup(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    if (process.platform === 'win32') execFileSync('taskkill', ['/pid', String(child.pid), '/t', '/f'])
    else process.kill(-child.pid, 'SIGKILL')
  } catch {
    // Every process of the group has ended.
  }
}

/** The failed assertions of a TAP stream, each with its diagnosis; else what is wrong with the stream. */
export function failuresOf(tap: string, { exit, stderr }: { exit: string; stderr: string }): string[] {
  const failed = [...tap.matchAll(/^( *)not ok (?!.*# (?:skip|todo))(.*)\n((?:\1 {2}.*\n|\s*\n)*)/gim)]
  // A test fails because of what is in it: only the innermost failure is a cause.
  const causes = failed.filter(({ 1: indent = '' }, index) => {
    const before = failed[index - 1]
    return before === undefined || (before[1] ?? '').length <= indent.length
  })
  if (causes.length > 0) return mergeByPlace(causes.map(describe))
  const output = stderr.trim().split('\n').slice(-20).join('\n')
  if (exit !== '0') return [`ended with ${exit}\n${output}`]
  const plan = /^1\.\.(\d+)(.*)/m.exec(tap) ?? []
  if (Number(plan[1] ?? 0) > 0 || /# skip/i.test(plan[2] ?? '')) return []
  return [`contains no test, or ended before the first\n${output}`.trimEnd()]
}

function describe([, indent = '', name = '', diagnosis = '']: RegExpExecArray): string {
  const lines = diagnosis.replaceAll(`\n${indent}  `, '\n').replace(/^ *---\n|^ *\.\.\.\n?$/gm, '')
  return `${name.replace(/^\d+ - /, '')}\n${lines}`.trimEnd()
}

/** One assertion that fails for each value of a loop is one failure. */
function mergeByPlace(failures: readonly string[]): string[] {
  const places = new Map<string, string[]>()
  for (const failure of failures) {
    const place = /fileName: .*\n *lineNumber: .*/.exec(failure)?.[0] ?? failure
    places.set(place, [...(places.get(place) ?? []), failure])
  }
  return [...places.values()].map(([first = '', ...others]) =>
    others.length === 0 ? first : first.replace(/$/m, ` (and ${others.length} more on the same line)`)
  )
}

function skipsOf(tap: string): string[] {
  return [...tap.matchAll(/^ *ok \d+ - (.*?) # SKIP ?(.*)/gim)].map(([, name, reason]) => `${name}: ${reason}`)
}
