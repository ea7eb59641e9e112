// Needs no package, so that the rigs of other folders can use it.
import { execFile } from 'node:child_process'

export interface Output {
  readonly status: number
  /** What was written to both streams, trimmed. */
  readonly text: string
}

interface Command {
  readonly cwd: string
  readonly env?: Record<string, string>
}

/** Runs a program to its end. */
export function run([program, ...parameters]: readonly [string, ...string[]], command: Command): Promise<Output> {
  const { cwd, env = {} } = command
  return new Promise((resolve) => {
    // A shell starts npm, which is a script on Windows.
    const options = { cwd, env: { ...process.env, ...env }, shell: program === 'npm', maxBuffer: 1e8 }
    const child = execFile(program, parameters, options, (_error, stdout, stderr) => {
      resolve({ status: child.exitCode ?? 1, text: `${stdout}${stderr}`.trim() })
    })
  })
}

/** Calls `act` for each item, two at a time, and returns the results in order. */
export async function byTwos<T, R>(items: readonly T[], act: (item: T, index: number) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  const queue = [...items.entries()]
  const work = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) results[next[0]] = await act(next[1], next[0])
  }
  await Promise.all([work(), work()])
  return results
}
