import { beforeDeadline } from '../../deadline.ts'
import type { Script } from './lua.ts'

/** What is called of an ioredis client; `Redis` and `Cluster` of versions 5 and 6 fit. */
export interface IoredisClient {
  readonly status: string
  call (command: string, args: string[]): Promise<unknown>
  once (event: 'ready', listener: () => void): unknown
  duplicate (): IoredisSubscriber
}

export interface IoredisSubscriber {
  readonly status: string
  connect (): Promise<unknown>
  subscribe (channel: string): Promise<unknown>
  on (event: 'ready' | 'message' | 'error', listener: () => void): unknown
  disconnect (): void
}

/** What is called of a node-redis client; those of `createClient`, `createCluster` and `createSentinel`, versions 5 and 6, fit. */
export interface NodeRedisClient {
  readonly isOpen: boolean
  readonly isReady?: boolean
  evalSha (sha1: string, options: { keys: string[], arguments: string[] }): Promise<unknown>
  eval (script: string, options: { keys: string[], arguments: string[] }): Promise<unknown>
  once (event: 'ready', listener: () => void): unknown
  duplicate (): NodeRedisSubscriber
}

export interface NodeRedisSubscriber {
  connect (): Promise<unknown>
  subscribe (channel: string, listener: () => void): Promise<unknown>
  on (event: 'ready' | 'error', listener: () => void): unknown
  destroy (): void
}

export type RedisClient = IoredisClient | NodeRedisClient

/** How long a call may take: below the 2 s after which a refresh is a 503. */
const callMs = 1900

/** Runs a script; rejects with what Redis says, or after {@link callMs}. */
export type Evaluate = (script: Script, keys: string[], args?: readonly (string | number)[]) => Promise<unknown>

interface Adapter {
  /** A call made now would wait in the client's own queue, and be sent whenever the connection is back. */
  isQueueing (): boolean
  evalSha (sha1: string, keys: string[], args: string[]): Promise<unknown>
  eval (text: string, keys: string[], args: string[]): Promise<unknown>
}

export function isIoredis (client: RedisClient): client is IoredisClient {
  return 'call' in client && typeof client.call === 'function'
}

export function createEvaluate (client: RedisClient): Evaluate {
  const { isQueueing, evalSha, eval: evalText } = isIoredis(client) ? adaptIoredis(client) : adaptNodeRedis(client)
  let ready: Promise<void> | undefined

  /** One listener, however many calls wait. */
  async function untilReady (): Promise<void> {
    ready ??= new Promise((resolve) => {
      client.once('ready', () => {
        ready = undefined
        resolve()
      })
    })
    return ready
  }

  return async function evaluate (script, keys, args = []) {
    const texts = args.map(String)
    return await inTime(async (isLate) => {
      // Kept out of the client's queue: what waits there would be carried out after its caller has been told of the failure.
      while (isQueueing()) {
        await untilReady()
        if (isLate()) return
      }
      try {
        return await evalSha(script.sha1, keys, texts)
      } catch (error) {
        // Redis forgets scripts when it restarts, and at SCRIPT FLUSH.
        if (isLate() || !(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
        return await evalText(script.text, keys, texts)
      }
    })
  }
}

/** Bounds a step in time; what is late must not go on. */
export async function inTime<T> (step: (isLate: () => boolean) => Promise<T>): Promise<T> {
  let late = false
  const lateness = () => {
    late = true
    return new Error(`Redis did not answer within ${callMs} ms`)
  }
  return await beforeDeadline(() => step(() => late), { ms: callMs, lateness })
}

/** The states of an ioredis client that is on its way to a connection; `wait` is not one, it needs a call to set out. */
const queueingStates = new Set(['connecting', 'connect', 'reconnecting', 'disconnecting', 'close'])

function adaptIoredis (client: IoredisClient): Adapter {
  const call = (command: string) => async (script: string, keys: string[], args: string[]) =>
    client.call(command, [script, String(keys.length), ...keys, ...args])
  return { isQueueing: () => queueingStates.has(client.status), evalSha: call('EVALSHA'), eval: call('EVAL') }
}

function adaptNodeRedis (client: NodeRedisClient): Adapter {
  return {
    isQueueing: () => client.isOpen && client.isReady === false,
    evalSha: async (sha1, keys, args) => client.evalSha(sha1, { keys, arguments: args }),
    eval: async (text, keys, args) => client.eval(text, { keys, arguments: args })
  }
}
