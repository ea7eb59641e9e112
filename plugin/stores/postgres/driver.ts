import { withTimeout } from '../../timeout.ts'

/** What is called of a client that a pool lends. */
export interface PostgresClient {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'notification', listener: () => void): unknown
  removeListener(event: string, listener: (error: Error) => void): unknown
  release(error?: Error): void
}

/** What is called of a pool: the `Pool` of `pg` fits. */
export interface PostgresPool {
  connect(): Promise<PostgresClient>
  on(event: 'error', listener: (error: Error) => void): unknown
  removeListener(event: string, listener: (error: Error) => void): unknown
  readonly options?: { readonly max?: number | undefined } | undefined
}

/** How long each kind of call may take, in milliseconds. */
export interface Limits {
  readonly callMs: number
  /** One batch of `sweep()`. */
  readonly sweepMs: number
  readonly migrationMs: number
  /** Until something is heard of the server when listening, and of a notification that was sent. */
  readonly pushMs: number
  /** Between two attempts with a password that was refused. */
  readonly passwordRetryMs: number
}

/**
 * @throws TypeError for what does not lend clients. A `Client` has most methods of a `Pool`, and every call on it would
 * run inside the transaction of another one.
 */
export function checkPool(pool: unknown): asserts pool is PostgresPool {
  const isObject = typeof pool === 'object' && pool !== null
  const isClient = isObject && ('connectionParameters' in pool || 'release' in pool)
  const lends = isObject && methods.every((name) => typeof (pool as Record<string, unknown>)[name] === 'function')
  if (lends && !isClient) return
  const primitive = pool == null ? String(pool) : `a ${typeof pool}`
  const received = isClient ? 'a Client' : isObject ? 'an object without the methods of a Pool' : primitive
  throw new TypeError(
    `postgresStore() needs a Pool of pg, made by new Pool({ connectionString }): received ${received}`
  )
}

const methods = ['connect', 'on', 'removeListener'] as const

/** Gives work a promise that rejects when its time is up. */
export async function within<T>(ms: number, work: (late: Promise<never>) => Promise<T>): Promise<T> {
  return await withTimeout(work, { ms, timeoutError: () => new Error(`PostgreSQL did not respond within ${ms} ms`) })
}

/**
 * Works on a client of the pool until `late` rejects. After any failure the client is destroyed: none goes back with a
 * transaction open, and a server that has stopped responding does not keep the pool's clients.
 */
export async function onClient<T>(
  pool: PostgresPool,
  late: Promise<never>,
  work: (client: PostgresClient) => Promise<T>
): Promise<T> {
  const client = await lend(pool, late)
  // A connection that breaks emits this beside rejecting, and would end the process.
  client.on('error', ignore)
  try {
    const result = await Promise.race([work(client), late])
    client.removeListener('error', ignore)
    client.release()
    return result
  } catch (error) {
    client.release(error as Error)
    throw error
  }
}

async function lend(pool: PostgresPool, late: Promise<never>): Promise<PostgresClient> {
  const lending = pool.connect()
  try {
    return await Promise.race([lending, late])
  } catch (error) {
    // The pool cannot be told that nobody waits any more: a client that it lends then goes straight back.
    lending.then((client) => client.release(), ignore)
    throw error
  }
}

export function ignore(): void {}
