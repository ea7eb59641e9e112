import { PushFeed } from '../push/feed.ts'
import { heartbeatMessage } from '../push/message.ts'
import type { PushListener } from '../session-store.ts'
import { ignore, withClient, withTimeLimit } from './driver.ts'
import type { PostgresClient, PostgresPool } from './driver.ts'
import type { TimeLimits } from './time-limits.ts'

const probeMs = 30_000

/** How many clients of each pool listen. If all of them did, every call would wait forever. */
const listeners = new WeakMap<PostgresPool, number>()

/**
 * Passes on the notifications of the channel, and wakes its listeners whenever it starts to listen (again), because
 * earlier notifications were not received. Takes one client of the pool and keeps it until `close()`.
 */
export function createPush(
  pool: PostgresPool,
  { channel, limits }: { channel: string; limits: Pick<TimeLimits, 'pushMs' | 'pushRetryMs'> }
) {
  const { pushMs: responseMs, pushRetryMs: retryMs } = limits
  const feed = new PushFeed({ publish: async (message) => (delivers ? notify(message) : undefined) })
  let held: PostgresClient | undefined
  let listening: Promise<void> | undefined
  let retryTimer: NodeJS.Timeout | undefined
  let probeTimer: NodeJS.Timeout | undefined
  let retryAfter = retryMs.first
  /** Whether a notification of another client has arrived since `held` listens. */
  let delivers = false

  /** By another client than the one that listens: a pooler in transaction mode delivers what that one sends itself. */
  async function notify(message: string): Promise<void> {
    await withTimeLimit(responseMs, (limit) =>
      withClient({ pool, ...limit }, (client) => client.query('SELECT pg_notify($1, $2)', [channel, message]))
    )
  }

  async function listen(): Promise<void> {
    const client = await pool.connect()
    if (feed.isClosed) return client.release()
    held = client
    client.on('error', (error) => lose(client, error))
    const notified = new Promise<void>((resolve) => {
      client.on('notification', ({ payload = '', processId }) => {
        resolve()
        feed.receive(payload, processId)
      })
    })
    try {
      await client.query(`LISTEN "${channel}"`)
      // A pooler in transaction mode accepts LISTEN but delivers nothing except what the same client sends.
      await notify(heartbeatMessage)
      await withTimeLimit(responseMs, () => notified).catch(() => {
        throw new Error(
          'PostgreSQL did not deliver a notification: LISTEN does not work behind a pooler in transaction mode'
        )
      })
      retryAfter = retryMs.first
      delivers = true
      feed.wake()
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
    delivers = false
    client.release(error)
    retry()
  }

  function retry(): void {
    if (feed.isClosed || retryTimer !== undefined) return
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
      feed.add(listener)
      if (probeTimer === undefined) {
        reserve()
        void start()
      }
      // Sending and receiving have a limit each.
      await withTimeLimit(2 * responseMs, () => listening!)
    },

    /** Runs a call that may notify, on the client with this process of the server. */
    run: feed.run.bind(feed),

    close(): void {
      feed.close()
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
