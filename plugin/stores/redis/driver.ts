import { withTimeout } from '../../timeout.ts'
import { adaptClient, isIoredis } from './client.ts'
import type { RedisClient } from './client.ts'
import { credentialTries, isAboutCredentials, wrongCredentials } from './errors.ts'
import type { Script } from './scripts/script.ts'

export type Argument = string | number

interface Command {
  readonly keys: string[]
  readonly args?: readonly Argument[] | undefined
}

/** Runs a script; rejects with the error of Redis, or when the time is up. */
export type Evaluate = (script: Script, command: Command) => Promise<unknown>

/** Refused passwords count only if they follow one another this closely. */
const credentialTriesMs = 10_000
/**
 * How many commands may wait for a response of Redis. A client keeps in memory what it has sent, about 6 KB a command,
 * also when the caller has stopped waiting. A server that responds never lets that many wait.
 */
const maxUnanswered = 10_000

interface DriverOptions {
  /** How long a call may take. */
  readonly timeoutMs: number
  /** Tests lower it. */
  readonly maxUnanswered?: number | undefined
}

export function createDriver(client: RedisClient, { timeoutMs, maxUnanswered: limit = maxUnanswered }: DriverOptions) {
  const { isQueueing, whyClosed, evalSha, eval: evalText, publish: send } = adaptClient(client)
  let unanswered = 0
  let connection: Promise<void> | undefined
  /** The last error of the connection. */
  let connectionError: unknown

  /** Shares one listener among all calls that wait. Rejects after too many refused passwords. */
  async function untilReady(): Promise<void> {
    connection ??= new Promise<void>((resolve, reject) => {
      let refusals: number[] = []
      const onError = (error: unknown) => {
        connectionError = error
        if (!isAboutCredentials(error)) return
        const now = performance.now()
        refusals = [...refusals.filter((time) => now - time < credentialTriesMs), now]
        if (refusals.length >= credentialTries) settle(() => reject(wrongCredentials(error)))
      }
      const onReady = () => settle(resolve)
      const settle = (finish: () => void) => {
        client.off('ready', onReady)
        client.off('error', onError)
        connection = undefined
        finish()
      }
      client.on('ready', onReady)
      client.on('error', onError)
    })
    connection.catch(() => {})
    return await connection
  }

  function timeoutError(): Error {
    const message = `Redis did not respond within ${timeoutMs} ms`
    if (!isQueueing() || !(connectionError instanceof Error)) return new Error(message)
    const { message: reason, name } = connectionError
    return new Error(`${message}: ${reason || name}`, { cause: connectionError })
  }

  /** The client would carry out what is in its queue even after the call has rejected. */
  async function connected(isTooLate: () => boolean): Promise<void> {
    while (isQueueing()) {
      if (isIoredis(client) && client.status === 'wait') client.connect().catch(() => {})
      await untilReady()
    }
    if (isTooLate()) throw timeoutError()
  }

  /** Counts a command until Redis has responded or the connection is lost, whether or not its caller still waits. */
  async function counted<T>(sendOne: () => Promise<T>): Promise<T> {
    if (unanswered >= limit) throw new Error(`Redis has not responded to the last ${unanswered} commands`)
    unanswered++
    try {
      return await sendOne()
    } finally {
      unanswered--
    }
  }

  async function run(
    script: Script,
    { keys, args = [], isTooLate }: Command & { isTooLate: () => boolean }
  ): Promise<unknown> {
    const command = { keys, args: args.map(String) }
    await connected(isTooLate)
    try {
      return await counted(() => evalSha(script.sha1, command))
    } catch (error) {
      // Redis forgets scripts when it restarts, and after SCRIPT FLUSH.
      if (isTooLate() || !(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
      return await counted(() => evalText(script.text, command))
    }
  }

  async function withLimit<T>(step: (isTooLate: () => boolean) => Promise<T>): Promise<T> {
    let tooLate = false
    return await withTimeout(() => step(() => tooLate), {
      ms: timeoutMs,
      timeoutError() {
        tooLate = true
        return timeoutError()
      }
    })
  }

  /** Limits the time of a step that may send several scripts. Nothing is sent once the time is up. */
  async function withCallTimeout<T>(step: (evaluate: Evaluate) => Promise<T>): Promise<T> {
    return await withLimit((isTooLate) => step(async (script, command) => run(script, { ...command, isTooLate })))
  }

  const evaluate: Evaluate = async (script, command) => withCallTimeout(async (run) => run(script, command))

  /** A plain command, unlike a script. */
  async function publish(channel: string, message: string): Promise<void> {
    await withLimit(async (isTooLate) => {
      await connected(isTooLate)
      await counted(() => send(channel, message))
    })
  }

  return { evaluate, publish, withCallTimeout, whyClosed }
}

export type Driver = ReturnType<typeof createDriver>
