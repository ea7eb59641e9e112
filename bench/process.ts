import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/**
 * A process that waits for its turn is not idle, as one would be at night: where V8 takes the chance to collect, it drops
 * what its compiler had learnt, and the same code is slower for good.
 */
const alwaysBusy = '--no-memory-reducer'
const likeOneAnother = ['--import', pathToFileURL(join(import.meta.dirname, 'one-tick.js')).href]

/** Starts a measured process, as in production and without a loader, and waits until it says that it is ready. */
export async function startProcess(file: string, given: object, execArgv: readonly string[] = []) {
  const env = { ...process.env, NODE_ENV: 'production', NODE_OPTIONS: '' }
  const child = fork(join(import.meta.dirname, file), {
    execArgv: [alwaysBusy, ...likeOneAnother, ...execArgv],
    env,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc']
  })
  const exited = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`${file} ended with ${code ?? signal}`)
  })
  exited.catch(() => {})

  async function ask<T>(question: object): Promise<T> {
    const answer = once(child, 'message')
    child.send(question)
    const [message] = await Promise.race([answer, exited])
    return message as T
  }

  return {
    ready: await ask<unknown>(given),
    ask,
    async stop(): Promise<void> {
      child.disconnect()
      await exited.catch(() => {})
    }
  }
}
