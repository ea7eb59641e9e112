import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/**
 * A measured process waits while others have their turn. Without this flag, V8 takes that for idle time, collects
 * garbage and discards optimized code: the same code is slower from then on.
 */
const noIdleCollection = '--no-memory-reducer'
const withLiveTick = ['--import', pathToFileURL(join(import.meta.dirname, 'live-tick.js')).href]

export interface ProcessOptions {
  /** The first message to the process, see `input.js`. */
  readonly input: object
  /** Flags of Node. Default: none. */
  readonly execArgv?: readonly string[]
}

/** Starts a measured process, in production mode and without a loader, and waits for its first message. */
export async function startProcess(file: string, { input, execArgv = [] }: ProcessOptions) {
  const env = { ...process.env, NODE_ENV: 'production', NODE_OPTIONS: '' }
  const child = fork(join(import.meta.dirname, file), {
    execArgv: [noIdleCollection, ...withLiveTick, ...execArgv],
    env,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc']
  })
  const exited = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`${file} ended with ${code ?? signal}`)
  })
  exited.catch(() => {})

  /** Sends a message and resolves to the response. */
  async function request<T>(message: object): Promise<T> {
    const response = once(child, 'message')
    child.send(message)
    const [received] = await Promise.race([response, exited])
    return received as T
  }

  return {
    ready: await request<unknown>(input),
    request,
    async stop(): Promise<void> {
      child.disconnect()
      await exited.catch(() => {})
    }
  }
}
