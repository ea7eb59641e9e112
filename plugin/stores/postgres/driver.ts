import { withTimeout } from '../../timeout.ts'
import { kindOf, factoryOptionError } from '../factory-options.ts'

/** The methods of a pool's client that the store calls. */
export interface PostgresClient {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'notification', listener: () => void): unknown
  removeListener(event: string, listener: (error: Error) => void): unknown
  release(error?: Error): void
}

/** The methods of a pool that the store calls: the `Pool` of `pg` has them. */
export interface PostgresPool {
  connect(): Promise<PostgresClient>
  on(event: 'error', listener: (error: Error) => void): unknown
  removeListener(event: string, listener: (error: Error) => void): unknown
  readonly options?: { readonly max?: number | undefined } | undefined
}

const poolMethods = ['connect', 'on', 'removeListener'] as const

/**
 * @throws TypeError for anything that is not a pool. A `Client` has most methods of a `Pool`, but its calls would all
 * run inside one another's transactions.
 */
export function checkPool(pool: unknown): asserts pool is PostgresPool {
  const members = (typeof pool === 'object' && pool !== null ? pool : {}) as Record<string, unknown>
  const isClient = 'connectionParameters' in members || 'release' in members
  if (!isClient && poolMethods.every((name) => typeof members[name] === 'function')) return
  throw factoryOptionError({
    factory: 'postgresStore',
    option: 'pool',
    expected: 'a Pool of pg, made by new Pool({ connectionString })',
    received: isClient ? 'a Client' : kindOf(pool)
  })
}

/** Runs work with a time limit. The work receives a promise that rejects when the time is up. */
export async function withTimeLimit<T>(ms: number, work: (timedOut: Promise<never>) => Promise<T>): Promise<T> {
  return await withTimeout(work, { ms, timeoutError: () => new Error(`PostgreSQL did not respond within ${ms} ms`) })
}

/** Where work gets its client, and when the work is abandoned. */
export interface Lending {
  readonly pool: PostgresPool
  readonly timedOut: Promise<never>
}

/**
 * Runs work on a client of the pool. After a failure the client is destroyed, so that none returns to the pool inside a
 * transaction, and a server that does not respond cannot keep the pool's clients.
 */
export async function withClient<T>(lending: Lending, work: (client: PostgresClient) => Promise<T>): Promise<T> {
  const client = await borrowClient(lending)
  // A connection that breaks also emits this, which would end the process without a listener.
  client.on('error', ignore)
  try {
    const result = await Promise.race([work(client), lending.timedOut])
    client.removeListener('error', ignore)
    client.release()
    return result
  } catch (error) {
    client.release(error as Error)
    throw error
  }
}

async function borrowClient({ pool, timedOut }: Lending): Promise<PostgresClient> {
  const connecting = pool.connect()
  try {
    return await Promise.race([connecting, timedOut])
  } catch (error) {
    // A request for a client cannot be cancelled: a client that arrives too late is returned immediately.
    connecting.then((client) => client.release(), ignore)
    throw error
  }
}

export function ignore(): void {}
