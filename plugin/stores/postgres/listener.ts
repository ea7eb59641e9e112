import { ignore, within } from './client.ts'
import type { PostgresClient, PostgresPool } from './client.ts'

const answerMs = 2000
const probeMs = 30_000
const retryMs = { first: 100, longest: 5000 }

/**
 * Wakes when something was notified on a channel, and whenever it has begun to listen (anew): what came while nobody
 * listened would go unnoticed. Takes one client of the pool and keeps it until `close()`.
 */
export function createListener (pool: PostgresPool, channel: string) {
  const wakes = new Set<() => void>()
  const wakeAll = () => { for (const wake of wakes) wake() }
  let held: PostgresClient | undefined
  let retryTimer: NodeJS.Timeout | undefined
  let retryAfter = retryMs.first
  let closed = false

  async function listen (): Promise<void> {
    const client = await pool.connect().catch(retry)
    if (client === undefined) return
    if (closed) return client.release()
    held = client
    client.on('error', (error) => lose(client, error))
    client.on('notification', wakeAll)
    try {
      await client.query(`LISTEN "${channel}"`)
      retryAfter = retryMs.first
      wakeAll()
    } catch (error) {
      lose(client, error as Error)
    }
  }

  /** A lost connection is told more than once: only the first time counts. */
  function lose (client: PostgresClient, error: Error): void {
    if (held !== client) return
    held = undefined
    client.release(error)
    retry()
  }

  function retry (): undefined {
    if (closed) return
    retryTimer = setTimeout(listen, retryAfter).unref()
    retryAfter = Math.min(retryAfter * 2, retryMs.longest)
  }

  /** Firewalls forget connections that are silent for long, and tell neither end. */
  async function probe (): Promise<void> {
    const client = held
    if (client === undefined) return
    await within(answerMs, () => client.query('SELECT')).catch((error: Error) => lose(client, error))
  }

  let probeTimer: NodeJS.Timeout | undefined

  return {
    /** Resolves when listening, or when that takes long: it is tried on and on in the background. */
    async add (wake: () => void): Promise<void> {
      wakes.add(wake)
      if (probeTimer !== undefined) return
      probeTimer = setInterval(probe, probeMs).unref()
      await within(answerMs, listen).catch(ignore)
    },

    close (): void {
      closed = true
      clearTimeout(retryTimer)
      clearInterval(probeTimer)
      // Destroyed, for it still listens.
      held?.release(new Error('The store was closed'))
      held = undefined
    }
  }
}
