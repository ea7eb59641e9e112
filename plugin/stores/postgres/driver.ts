import { withTimeout } from '../../timeout.ts'
import { kindOf, factoryOptionError } from '../factory-options.ts'

/** The methods of a pool's client that the store calls. */
export interface PostgresClient {
  /** The process of the server that serves this client. A pooler may give it another number. */
  readonly processID?: number | null | undefined
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'notification', listener: (notification: PostgresNotification) => void): unknown
  removeListener(event: string, listener: (error: Error) => void): unknown
  release(error?: Error): void
}

/** What `pg` emits for a NOTIFY. */
export interface PostgresNotification {
  readonly payload?: string | undefined
  /** The process of the server that has sent it. */
  readonly processId?: number | undefined
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

/** How long a call may take. */
export interface TimeLimit {
  readonly ms: number
  /** Rejects when the time is up. */
  readonly timedOut: Promise<never>
}

/** Runs work with a time limit, which the work receives. */
export async function withTimeLimit<T>(ms: number, work: (limit: TimeLimit) => Promise<T>): Promise<T> {
  const timeoutError = () => new Error(`PostgreSQL did not respond within ${ms} ms`)
  return await withTimeout((timedOut) => work({ ms, timedOut }), { ms, timeoutError })
}

/** Where work gets its client, when the work is abandoned, and how long it may keep the client. */
export interface Lending extends TimeLimit {
  readonly pool: PostgresPool
}

/** Runs work on a client of the pool, as `lendClient()` does. */
export async function withClient<T>(lending: Lending, work: (client: PostgresClient) => Promise<T>): Promise<T> {
  return await lendClient({ client: await borrowClient(lending), ...lending }, work)
}

/**
 * Runs work on a client, and returns the client to its pool. After a failure the client is destroyed, so that none
 * returns to the pool inside a transaction. It is also destroyed after `ms`, so that a server that does not respond
 * cannot keep the pool's clients.
 */
export async function lendClient<T>(
  { client, ms, timedOut }: TimeLimit & { readonly client: PostgresClient },
  work: (client: PostgresClient) => Promise<T>
): Promise<T> {
  const keptUntil = performance.now() + ms
  // A connection that breaks also emits this, which would end the process without a listener.
  client.on('error', ignore)
  // Also if the work throws before it returns a promise.
  const working = (async () => await work(client))()
  try {
    const result = await Promise.race([working, timedOut])
    giveBack(client)
    return result
  } catch (error) {
    // An abandoned call may have waited for its client most of the time: the server has as long for its response as it
    // has for others. New connections for all of these would make a busy server slower.
    withTimeLimit(keptUntil - performance.now(), () => working).then(
      () => giveBack(client),
      (failure: Error) => client.release(failure)
    )
    throw error
  }
}

function giveBack(client: PostgresClient): void {
  client.removeListener('error', ignore)
  client.release()
}

export async function borrowClient({ pool, timedOut }: Omit<Lending, 'ms'>): Promise<PostgresClient> {
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
