import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describeFailure } from '../config/variables.ts'
import { AppError } from '../errors.ts'

export interface Command {
  /** `import.meta.url` of the command's file: nothing runs if another program has imported it. */
  readonly url: string
  /** The beginning of an error message: `Cannot ${purpose}: …`. */
  readonly purpose: string
  /** The lines that `--help` prints. */
  readonly help: readonly string[]
  /** Resolves to the lines to print. */
  readonly run: (args: string[]) => Promise<string[]>
}

/** Runs a command line program: prints its lines, or one error message with exit code 1. */
export async function runCommand({ url, purpose, help, run }: Command): Promise<void> {
  const [, program = '', ...args] = process.argv
  if (program === '' || realpathSync(program) !== fileURLToPath(url)) return
  try {
    const wantsHelp = args.includes('--help') || args.includes('-h')
    for (const line of wantsHelp ? help : await run(args)) console.log(line)
  } catch (error) {
    console.error(describeFailure(purpose, withCause(error as Error)))
    process.exitCode = 1
  }
}

/** An `AppError` with its cause in the message, which a response must not contain: an operator needs it. */
function withCause(error: Error): Error {
  if (!(error instanceof AppError && error.cause instanceof Error)) return error
  return new Error(`${error.message} (${error.cause.message})`)
}
