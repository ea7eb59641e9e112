import type { PushListener } from '../session-store.ts'
import { ignore, withClient, withTimeLimit } from './driver.ts'
import type { PostgresClient, PostgresPool } from './driver.ts'
import type { TimeLimits } from './time-limits.ts'

const probeMs = 30_000

/** How many clients of each pool listen. If all of them did, every call would wait forever. */
const listeners = new WeakMap<PostgresPool, number>()

/**
 * Wakes its listeners after a notification on the channel, and whenever it starts to listen (again), because earlier
 * notifications were not received. Takes one client of the pool and keeps it until `close()`.
 */
export function createPush(
  pool: PostgresPool,
  { channel, limits }: { channel: string; limits: Pick<TimeLimits, 'pushMs' | 'pushRetryMs'> }
) {
  const { pushMs: responseMs, pushRetryMs: retryMs } = limits
  const subscribers = new Set<PushListener>()
  let held: PostgresClient | undefined
  let listening: Promise<void> | undefined
  let retryTimer: NodeJS.Timeout | undefined
  let probeTimer: NodeJS.Timeout | undefined
  let retryAfter = retryMs.first
  let closed = false

  async function listen(): Promise<void> {
    const client = await pool.connect()
    if (closed) return client.release()
    held = client
    client.on('error', (error) => lose(client, error))
    const notified = new Promise<void>((resolve) => {
      client.on('notification', () => {
        resolve()
        for (const listener of subscribers) listener.wake()
      })
    })
    try {
      await client.query(`LISTEN "${channel}"`)
      // A pooler in transaction mode accepts LISTEN but delivers nothing except what the same client sends.
      await withTimeLimit(responseMs, (limit) =>
        withClient({ pool, ...limit }, (other) => other.query("SELECT pg_notify($1, '')", [channel]))
      )
      await withTimeLimit(responseMs, () => notified).catch(() => {
        throw new Error(
          'PostgreSQL did not deliver a notification: LISTEN does not work behind a pooler in transaction mode'
        )
      })
      retryAfter = retryMs.first
    } catch (error) {
      lose(client, error as Error)
      throw error
    }
  }

  function start(): Promise<void> {
    listening = listen().catch((error: unknown) => {
      // A client that was lost retries by itself.
      if (held === undefined) retry()
      throw error
    })
    listening.catch(ignore)
    return listening
  }

  /** A lost connection is reported more than once; only the first report counts. */
  function lose(client: PostgresClient, error: Error): void {
    if (held !== client) return
    held = undefined
    client.release(error)
    retry()
  }

  function retry(): void {
    if (closed || retryTimer !== undefined) return
    retryTimer = setTimeout(() => {
      retryTimer = undefined
      start().catch(ignore)
    }, retryAfter).unref()
    retryAfter = Math.min(retryAfter * 2, retryMs.longest)
  }

  /** Firewalls drop idle connections without notifying either end. */
  async function probe(): Promise<void> {
    const client = held
    if (client === undefined) return
    await withTimeLimit(responseMs, () => client.query('SELECT')).catch((error: Error) => lose(client, error))
  }

  /** Leaves the pool at least one client that does not listen. */
  function reserve(): void {
    const taken = listeners.get(pool) ?? 0
    const max = pool.options?.max ?? Infinity
    if (taken + 1 >= max) {
      throw new Error(
        `Cannot listen for revocations: the pool has no client to spare ("max" is ${max}, and ${taken} listen)`
      )
    }
    listeners.set(pool, taken + 1)
    probeTimer = setInterval(probe, probeMs).unref()
  }

  return {
    /** Resolves when listening. Rejects with the reason otherwise, and retries if the pool has a client to spare. */
    async subscribe(listener: PushListener): Promise<void> {
      if (closed) throw new Error('Cannot subscribe: the store is closed')
      if (probeTimer === undefined) {
        reserve()
        void start()
      }
      subscribers.add(listener)
      // Sending and receiving have a limit each.
      await withTimeLimit(2 * responseMs, () => listening!)
    },

    close(): void {
      closed = true
      clearTimeout(retryTimer)
      if (probeTimer !== undefined) {
        clearInterval(probeTimer)
        probeTimer = undefined
        listeners.set(pool, listeners.get(pool)! - 1)
      }
      // Destroyed, because it still listens.
      held?.release(new Error('The store was closed'))
      held = undefined
    }
  }
}
