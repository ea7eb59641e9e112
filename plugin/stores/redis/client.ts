import { kindOf, factoryOptionError } from '../factory-options.ts'

/** The methods that the store calls. `Redis` and `Cluster` of ioredis 5 and 6 have them. */
export interface IoredisClient {
  readonly status: string
  readonly isCluster?: boolean
  call(command: string, args: string[]): Promise<unknown>
  connect(): Promise<unknown>
  on(event: 'ready' | 'error', listener: (error: unknown) => void): unknown
  off(event: 'ready' | 'error', listener: (error: unknown) => void): unknown
  duplicate(): IoredisSubscriber
}

/** The connection of ioredis that `duplicate()` makes, for push. */
export interface IoredisSubscriber {
  readonly status: string
  connect(): Promise<unknown>
  subscribe(channel: string): Promise<unknown>
  on(event: 'ready' | 'error', listener: (error: unknown) => void): unknown
  on(event: 'message', listener: (channel: string, message: string) => void): unknown
  disconnect(): void
}

/**
 * The methods that the store calls. Clients of `createClient`, `createCluster` and `createSentinel` of node-redis 5 and
 * 6 have them.
 */
export interface NodeRedisClient {
  readonly isOpen: boolean
  readonly isReady?: boolean
  evalSha(sha1: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  publish(channel: string, message: string): Promise<unknown>
  on(event: 'ready' | 'error', listener: (error: unknown) => void): unknown
  off(event: 'ready' | 'error', listener: (error: unknown) => void): unknown
  duplicate(): NodeRedisSubscriber
}

/** The connection of node-redis that `duplicate()` makes, for push. */
export interface NodeRedisSubscriber {
  connect(): Promise<unknown>
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>
  on(event: 'ready' | 'error', listener: (error: unknown) => void): unknown
  destroy(): void
}

/** An open client of ioredis or of node-redis. */
export type RedisClient = IoredisClient | NodeRedisClient

/** What both kinds of client can do, in one form. */
export interface ClientAdapter {
  /** Whether the client would put a call into its own queue, and send it whenever the connection is back. */
  isQueueing(): boolean
  /** Why the client will never connect by itself; `undefined` if it may. */
  whyClosed(): string | undefined
  evalSha(sha1: string, command: ScriptCommand): Promise<unknown>
  eval(text: string, command: ScriptCommand): Promise<unknown>
  publish(channel: string, message: string): Promise<unknown>
}

interface ScriptCommand {
  readonly keys: string[]
  readonly args: string[]
}

const isFunction = (value: unknown) => typeof value === 'function'

export function isIoredis(client: RedisClient): client is IoredisClient {
  return 'call' in client && isFunction(client.call)
}

/** Whether messages may take different ways to a subscriber. Clients of node-redis for clusters have `masters`. */
export function isCluster(client: RedisClient): boolean {
  return isIoredis(client) ? client.isCluster === true : 'masters' in client
}

/** @throws TypeError for anything that is not a client of ioredis or node-redis */
export function checkClient(client: unknown): asserts client is RedisClient {
  const members = (typeof client === 'object' && client !== null ? client : {}) as Record<string, unknown>
  const isOfIoredis = isFunction(members.call) && typeof members.status === 'string'
  const isOfNodeRedis = isFunction(members.evalSha) && typeof members.isOpen === 'boolean'
  if (isFunction(members.duplicate) && (isOfIoredis || isOfNodeRedis)) return
  throw factoryOptionError({
    factory: 'redisStore',
    option: 'client',
    expected: 'a client of ioredis or node-redis, made by new Redis(…) or createClient(…)',
    received: kindOf(client)
  })
}

export function adaptClient(client: RedisClient): ClientAdapter {
  return isIoredis(client) ? adaptIoredis(client) : adaptNodeRedis(client)
}

/** The states of an ioredis client that has no connection but will connect, by itself or by `connect()`. */
const queueingStates = new Set(['wait', 'connecting', 'connect', 'reconnecting', 'disconnecting', 'close'])

function adaptIoredis(client: IoredisClient): ClientAdapter {
  const run =
    (command: string) =>
    async (script: string, { keys, args }: ScriptCommand) =>
      client.call(command, [script, String(keys.length), ...keys, ...args])
  return {
    isQueueing: () => queueingStates.has(client.status),
    whyClosed: () =>
      client.status === 'end'
        ? 'The Redis client has ended: its retryStrategy gave up, or disconnect() was called. Pass an open client'
        : undefined,
    evalSha: run('EVALSHA'),
    eval: run('EVAL'),
    publish: async (channel, message) => client.call('PUBLISH', [channel, message])
  }
}

function adaptNodeRedis(client: NodeRedisClient): ClientAdapter {
  return {
    isQueueing: () => client.isOpen && client.isReady === false,
    whyClosed: () => (client.isOpen ? undefined : 'The Redis client is not open: call client.connect() first'),
    evalSha: async (sha1, { keys, args }) => client.evalSha(sha1, { keys, arguments: args }),
    eval: async (text, { keys, args }) => client.eval(text, { keys, arguments: args }),
    publish: async (channel, message) => client.publish(channel, message)
  }
}
