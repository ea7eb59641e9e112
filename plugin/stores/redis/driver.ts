import { withTimeout } from '../../timeout.ts'
import { UnusableStoreError } from '../session-store.ts'
import { isAboutCredentials } from './failures.ts'
import type { Script } from './lua.ts'

/** What is called of an ioredis client; `Redis` and `Cluster` of versions 5 and 6 fit. */
export interface IoredisClient {
  readonly status: string
  call(command: string, args: string[]): Promise<unknown>
  connect(): Promise<unknown>
  on(event: 'ready' | 'error', listener: (error: unknown) => void): unknown
  off(event: 'ready' | 'error', listener: (error: unknown) => void): unknown
  duplicate(): IoredisSubscriber
}

export interface IoredisSubscriber {
  readonly status: string
  connect(): Promise<unknown>
  subscribe(channel: string): Promise<unknown>
  on(event: 'ready' | 'message' | 'error', listener: (error: unknown) => void): unknown
  disconnect(): void
}

/** What is called of a node-redis client; those of `createClient`, `createCluster` and `createSentinel`, versions 5 and 6, fit. */
export interface NodeRedisClient {
  readonly isOpen: boolean
  readonly isReady?: boolean
  evalSha(sha1: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  on(event: 'ready' | 'error', listener: (error: unknown) => void): unknown
  off(event: 'ready' | 'error', listener: (error: unknown) => void): unknown
  duplicate(): NodeRedisSubscriber
}

export interface NodeRedisSubscriber {
  connect(): Promise<unknown>
  subscribe(channel: string, listener: () => void): Promise<unknown>
  on(event: 'ready' | 'error', listener: (error: unknown) => void): unknown
  destroy(): void
}

export type RedisClient = IoredisClient | NodeRedisClient

export type Argument = string | number

interface Command {
  readonly keys: string[]
  readonly args?: readonly Argument[] | undefined
}

/** Runs a script; rejects with what Redis says, or after `callMs`. */
export type Evaluate = (script: Script, command: Command) => Promise<unknown>

interface Adapter {
  /** A call made now would wait in the client's own queue, and be sent whenever the connection is back. */
  isQueueing(): boolean
  /** Why the client will never connect by itself; `undefined` where it may. */
  whyClosed(): string | undefined
  evalSha(sha1: string, keys: string[], args: string[]): Promise<unknown>
  eval(text: string, keys: string[], args: string[]): Promise<unknown>
}

/** How many refused passwords in a row are no accident, such as a password that is just being changed. */
export const credentialTries = 3
const credentialTriesMs = 10_000

const isFunction = (value: unknown) => typeof value === 'function'

export function isIoredis(client: RedisClient): client is IoredisClient {
  return 'call' in client && isFunction(client.call)
}

/** @throws TypeError where the client is neither of ioredis nor of node-redis */
export function assertClient(client: unknown): asserts client is RedisClient {
  const members = (typeof client === 'object' && client !== null ? client : {}) as Record<string, unknown>
  const isOfIoredis = isFunction(members.call) && typeof members.status === 'string'
  const isOfNodeRedis = isFunction(members.evalSha) && typeof members.isOpen === 'boolean'
  if (isFunction(members.duplicate) && (isOfIoredis || isOfNodeRedis)) return
  throw new TypeError(
    'redisStore() needs a client of ioredis or node-redis, made by new Redis(…) or createClient(…): ' +
      `received ${describe(client)}`
  )
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value !== 'object') return `a ${typeof value}`
  const { name } = value.constructor ?? Object
  return name === 'Object' ? 'a plain object' : `a ${name}`
}

export function createDriver(client: RedisClient, { callMs }: { callMs: number }) {
  const {
    isQueueing,
    whyClosed,
    evalSha,
    eval: evalText
  } = isIoredis(client) ? adaptIoredis(client) : adaptNodeRedis(client)
  let connection: Promise<void> | undefined
  /** The last reason why there is no connection. */
  let reason: unknown

  /** One listener, however many calls wait. Rejects when a password was refused too often. */
  async function untilReady(): Promise<void> {
    connection ??= new Promise<void>((resolve, reject) => {
      let refusals: number[] = []
      const hear = (error: unknown) => {
        reason = error
        if (!isAboutCredentials(error)) return
        const now = performance.now()
        refusals = [...refusals.filter((time) => now - time < credentialTriesMs), now]
        if (refusals.length >= credentialTries) settle(() => reject(wrongCredentials(error)))
      }
      const ready = () => settle(resolve)
      const settle = (end: () => void) => {
        client.off('ready', ready)
        client.off('error', hear)
        connection = undefined
        end()
      }
      client.on('ready', ready)
      client.on('error', hear)
    })
    connection.catch(() => {})
    return await connection
  }

  const timeoutError = () => {
    const why = isQueueing() && reason instanceof Error ? reason : undefined
    const message = `Redis did not respond within ${callMs} ms`
    return why === undefined ? new Error(message) : new Error(`${message}: ${why.message || why.name}`, { cause: why })
  }

  async function send(
    script: Script,
    { keys, args = [], isLate }: Command & { isLate: () => boolean }
  ): Promise<unknown> {
    const texts = args.map(String)
    // Kept out of the client's queue: what waits there would be carried out after its caller has been told of the failure.
    while (isQueueing()) {
      if (isIoredis(client) && client.status === 'wait') client.connect().catch(() => {})
      await untilReady()
    }
    if (isLate()) throw timeoutError()
    try {
      return await evalSha(script.sha1, keys, texts)
    } catch (error) {
      // Redis forgets scripts when it restarts, and at SCRIPT FLUSH.
      if (isLate() || !(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
      return await evalText(script.text, keys, texts)
    }
  }

  /** Bounds a step in time, with all that it sends; what is late is not sent. */
  async function inTime<T>(step: (evaluate: Evaluate) => Promise<T>): Promise<T> {
    let late = false
    return await withTimeout(() => step(async (script, command) => send(script, { ...command, isLate: () => late })), {
      ms: callMs,
      timeoutError() {
        late = true
        return timeoutError()
      }
    })
  }

  const evaluate: Evaluate = async (script, command) => inTime(async (evaluate) => evaluate(script, command))

  return { evaluate, inTime, whyClosed }
}

export type Driver = ReturnType<typeof createDriver>

export function wrongCredentials(error: unknown): UnusableStoreError {
  return new UnusableStoreError(
    `Redis refused the client's password ${credentialTries} times: ${(error as Error).message}`
  )
}

/** The states of an ioredis client without a connection that has one on the way, or makes one when it is asked. */
const queueingStates = new Set(['wait', 'connecting', 'connect', 'reconnecting', 'disconnecting', 'close'])

function adaptIoredis(client: IoredisClient): Adapter {
  const call = (command: string) => async (script: string, keys: string[], args: string[]) =>
    client.call(command, [script, String(keys.length), ...keys, ...args])
  return {
    isQueueing: () => queueingStates.has(client.status),
    whyClosed: () =>
      client.status === 'end'
        ? 'The Redis client has ended: its retryStrategy gave up, or disconnect() was called. Pass a client that is open'
        : undefined,
    evalSha: call('EVALSHA'),
    eval: call('EVAL')
  }
}

function adaptNodeRedis(client: NodeRedisClient): Adapter {
  return {
    isQueueing: () => client.isOpen && client.isReady === false,
    whyClosed: () => (client.isOpen ? undefined : 'The Redis client is not open: call client.connect() first'),
    evalSha: async (sha1, keys, args) => client.evalSha(sha1, { keys, arguments: args }),
    eval: async (text, keys, args) => client.eval(text, { keys, arguments: args })
  }
}
