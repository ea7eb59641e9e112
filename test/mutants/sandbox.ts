import { spawn, type ChildProcess } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { condition } from '../fixtures/self-reference.ts'

export interface TestRun {
  readonly outcome: 'passed' | 'failed' | 'timed out'
  readonly ms: number
}

export type Sandbox = ReturnType<typeof createSandbox>

/** Folders that no test needs, or that are linked instead of copied. */
const left = /(^|\/)(node_modules|dist|data|\.git|\.tap|shots)$/

/**
 * A copy of the tree in a temporary folder, in which files can be broken and tests run. `close()` ends what runs in it
 * and deletes it; it is synchronous, so that it can run when the process exits.
 */
export function createSandbox(root: string) {
  const folder = mkdtempSync(join(tmpdir(), 'fastify-authenticate-mutants-'))
  const running = new Set<ChildProcess>()
  // Tests and tsx leave their temporary files here, so that they are deleted with the copy.
  const temporary = join(folder, 'tmp')
  cpSync(root, folder, { recursive: true, filter: (from) => !left.test(relative(root, from)) })
  mkdirSync(temporary)
  symlinkSync(resolve(root, 'node_modules'), join(folder, 'node_modules'))

  return {
    folder,
    write: (file: string, text: string): void => writeFileSync(join(folder, file), text),

    /** Runs one test file until it ends, or until its first assertion fails. */
    run(test: string, limitMs: number): Promise<TestRun> {
      const begun = performance.now()
      const child = spawn(process.execPath, [`--conditions=${condition}`, '--import', 'tsx', test], {
        cwd: folder,
        // Its own process group: what the test starts ends with it, and Ctrl-C reaches only the driver.
        detached: true,
        // tap's own limit would make tests fail on a busy machine.
        env: { ...process.env, TMPDIR: temporary, TAP_BAIL: '1', TAP_TIMEOUT: '600' },
        stdio: ['ignore', 'pipe', 'ignore']
      })
      running.add(child)
      return new Promise((resolve) => {
        let output = ''
        const end = (outcome: TestRun['outcome']) => {
          clearTimeout(timer)
          killGroup(child)
          running.delete(child)
          resolve({ outcome, ms: performance.now() - begun })
        }
        const timer = setTimeout(() => end('timed out'), limitMs)
        child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
          output += chunk
          if (hasFailure(output)) end('failed')
        })
        child.on('error', () => end('failed'))
        child.on('exit', (code) => end(code === 0 ? 'passed' : 'failed'))
      })
    },

    close(): void {
      for (const child of running) killGroup(child)
      rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
    }
  }
}

/** Whether a TAP stream has a failed assertion that is neither skipped nor todo. */
export function hasFailure(tap: string): boolean {
  const failures = tap.match(/^ *not ok .*\n/gm) ?? []
  return failures.some((line) => !/# (skip|todo)/i.test(line))
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}
