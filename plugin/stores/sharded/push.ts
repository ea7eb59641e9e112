import { withTimeout } from '../../timeout.ts'
import type { PushListener, SessionStore } from '../session-store.ts'
import { settledAll } from './settled.ts'
import { shardError, type Shard } from './shard.ts'

/** How long `subscribe()` waits for a shard: less than the plugin waits for all, so that the error names the shard. */
const subscribeMs = 1200

/** The push of all shards that have it. Without any, there is no `subscribe()`. */
export function createSubscribe(shards: readonly Shard[]): SessionStore['subscribe'] {
  const pushing = shards.filter(({ store }) => store.subscribe !== undefined)
  if (pushing.length === 0) return undefined

  return async function subscribe(listener) {
    const silent = new Set(shards)

    /** Push works when every shard sends heartbeats. One that is silent, or cannot push, has to be polled. */
    function hear(shard: Shard): void {
      silent.delete(shard)
      if (silent.size > 0) return
      for (const other of shards) silent.add(other)
      listener.heartbeat()
    }

    const listenerOf = (shard: Shard): PushListener => ({
      wake: () => listener.wake(),
      revoked(entries) {
        // A read compares the clocks first.
        if (shard.hasKnownClock()) listener.revoked(entries.map(shard.commonEntry))
        else listener.wake()
      },
      heartbeat: () => hear(shard)
    })

    await settledAll(
      pushing.map(async (shard) => {
        try {
          await withTimeout(() => shard.store.subscribe!(listenerOf(shard)), { ms: subscribeMs, timeoutError })
        } catch (error) {
          throw shardError(shard.name, error)
        }
      })
    )
  }
}

function timeoutError(): Error {
  return new Error(`subscribe() did not resolve within ${subscribeMs} ms`)
}
