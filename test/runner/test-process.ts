import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { setTimeout as startTimer } from 'node:timers'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { condition } from '../fixtures/self-reference.ts'
import { failuresOf, sectionOf, skipsOf } from './tap-output.ts'

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
const batch = fileURLToPath(new URL('batch.js', import.meta.url))
const running = new Set<ChildProcess>()
/** How long a batch may take to exit. */
const exitMs = 10_000

/** Ends every test that runs, with the processes it has started. */
export function endAll(): void {
  for (const child of running) endGroup(child)
}

interface Limits {
  readonly timeoutMs: number
  readonly env?: Record<string, string>
}

/** Runs one test file in a process of its own, and ends what it leaves behind. */
export async function runFile(file: string, limits: Limits): Promise<TestResult> {
  const child = start(file, limits)
  const result = await resultOf(child, { file, ...limits })
  end(child)
  return result
}

/** Runs test files one after another in one process, which loads the plugin and its packages only once. */
export class Batch {
  readonly #limits: Limits
  #child: ChildProcess | undefined

  constructor(limits: Limits) {
    this.#limits = limits
  }

  async run(file: string): Promise<TestResult> {
    const child = (this.#child ??= start(batch, this.#limits))
    child.send(file)
    const result = await resultOf(child, { file, isInBatch: true, ...this.#limits })
    // What a failed file leaves behind must not fail the next one.
    if (result.failures.length > 0) await this.end()
    return result
  }

  /** Lets the process exit by itself, because only then it writes its coverage. */
  async end(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined) return
    if (child.connected) {
      const exited = new Promise((resolve) => child.once('exit', resolve))
      child.disconnect()
      await Promise.race([exited, setTimeout(exitMs, undefined, { ref: false })])
    }
    end(child)
  }
}

function start(script: string, { timeoutMs, env = {} }: Limits): ChildProcess {
  const child = spawn(process.execPath, [`--conditions=${condition}`, '--import', loader, script], {
    // A process group of its own, so that all processes below it can be ended.
    detached: process.platform !== 'win32',
    // `timeoutMs` ends a test that hangs. tap's own limit of 30 s would fail on a busy machine.
    env: { ...process.env, ...env, TAP_TIMEOUT: String(timeoutMs / 1000) },
    stdio: ['ignore', 'pipe', 'pipe', ...(script === batch ? (['ipc'] as const) : [])]
  })
  running.add(child)
  return child
}

function end(child: ChildProcess): void {
  endGroup(child)
  running.delete(child)
}

interface Run extends Limits {
  readonly file: string
  readonly isInBatch?: boolean
}

/** Waits until the file, or the process, has ended. */
async function resultOf(child: ChildProcess, { file, timeoutMs, isInBatch = false }: Run): Promise<TestResult> {
  const started = performance.now()
  let output = ''
  let stderr = ''
  let timedOut = false
  const exit = await new Promise<string>((resolve) => {
    const timer = startTimer(() => {
      timedOut = true
      endGroup(child)
    }, timeoutMs)
    const done = (how: string) => {
      clearTimeout(timer)
      for (const stream of [child.stdout, child.stderr]) stream?.removeAllListeners('data')
      for (const event of ['error', 'exit']) child.removeAllListeners(event)
      resolve(how)
    }
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk
      if (!isInBatch) return
      const { exit } = sectionOf(output, file)
      if (exit !== undefined) done(exit)
    })
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk))
    child.on('error', (error) => done(error.message))
    child.on('exit', (code, signal) => done(signal ?? String(code)))
  })
  const tap = isInBatch ? sectionOf(output, file).tap : output
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
