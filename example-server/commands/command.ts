import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ConfigError } from '../config/variables.ts'

export interface Command {
  /** `import.meta.url` of the command's file: nothing runs if another program has imported it. */
  readonly url: string
  /** The beginning of an error message: `Cannot ${purpose}: …`. */
  readonly purpose: string
  /** Resolves to the lines to print. */
  readonly run: (args: string[]) => Promise<string[]>
}

/** Runs a command line program: prints its lines, or one error message with exit code 1. */
export async function runCommand({ url, purpose, run }: Command): Promise<void> {
  const [, program = '', ...args] = process.argv
  if (program === '' || realpathSync(program) !== fileURLToPath(url)) return
  try {
    for (const line of await run(args)) console.log(line)
  } catch (error) {
    console.error(error instanceof ConfigError ? error.message : `Cannot ${purpose}: ${(error as Error).message}`)
    process.exitCode = 1
  }
}
