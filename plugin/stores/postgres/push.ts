import { ignore, onClient, within } from './driver.ts'
import type { PostgresClient, PostgresPool } from './driver.ts'

const probeMs = 30_000
const retryMs = { first: 100, longest: 5000 }

/** How many clients of a pool listen. A pool all of whose clients listen would leave every call waiting for ever. */
const listeners = new WeakMap<PostgresPool, number>()

/**
 * Wakes when something was notified on a channel, and whenever it has begun to listen (anew): notifications from before
 * that were not received. Takes one client of the pool and keeps it until `close()`.
 */
export function createPush(pool: PostgresPool, { channel, responseMs }: { channel: string; responseMs: number }) {
  const wakes = new Set<() => void>()
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
    const heard = new Promise<void>((resolve) => {
      client.on('notification', () => {
        resolve()
        for (const wake of wakes) wake()
      })
    })
    try {
      await client.query(`LISTEN "${channel}"`)
      // A pooler in transaction mode accepts LISTEN and delivers nothing, but for what the same client sends.
      await within(responseMs, (late) =>
        onClient(pool, late, (other) => other.query("SELECT pg_notify($1, '')", [channel]))
      )
      await within(responseMs, () => heard).catch(() => {
        throw new Error('PostgreSQL delivers no notifications: listening needs a session of its own')
      })
      retryAfter = retryMs.first
    } catch (error) {
      lose(client, error as Error)
      throw error
    }
  }

  function start(): Promise<void> {
    listening = listen().catch((error: unknown) => {
      // A client that was lost has been replaced by then.
      if (held === undefined) retry()
      throw error
    })
    listening.catch(ignore)
    return listening
  }

  /** A lost connection is told more than once: only the first time counts. */
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

  /** Firewalls forget connections that are silent for long, and tell neither end. */
  async function probe(): Promise<void> {
    const client = held
    if (client === undefined) return
    await within(responseMs, () => client.query('SELECT')).catch((error: Error) => lose(client, error))
  }

  /** Leaves the pool one client at least that does not listen. */
  function reserve(): void {
    const taken = listeners.get(pool) ?? 0
    const max = pool.options?.max ?? Infinity
    if (taken + 1 >= max) {
      throw new Error(
        'no client of the pool is left to listen for revocations: ' + `its "max" is ${max}, and ${taken} listen`
      )
    }
    listeners.set(pool, taken + 1)
    probeTimer = setInterval(probe, probeMs).unref()
  }

  return {
    /** Resolves when listening. Rejects, with the reason, when not; a pool with a client to spare is tried again. */
    async subscribe(wake: () => void): Promise<void> {
      if (closed) throw new Error('Cannot subscribe: the store is closed')
      if (probeTimer === undefined) {
        reserve()
        start()
      }
      wakes.add(wake)
      // Sending and hearing have their own limit.
      await within(2 * responseMs, () => listening!)
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
