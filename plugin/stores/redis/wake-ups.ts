import { inTime, isIoredis } from './client.ts'
import type { IoredisSubscriber, NodeRedisSubscriber, RedisClient } from './client.ts'

interface Subscription {
  /** Settles when the first attempt to subscribe has; goes on trying whatever became of it. */
  readonly subscribed: Promise<void>
  end (): void
}

/**
 * Listens on a connection of its own, opened at the first `subscribe()`: a connection that subscribes can do little else.
 * It has the options of the client that was given, reconnects by them, and wakes its listeners each time it is back, for
 * what was published in between is lost.
 */
export function createWakeUps (client: RedisClient, channel: string) {
  const listeners = new Set<() => void>()
  let subscription: Subscription | undefined
  let closed = false
  const wake = () => {
    if (!closed) for (const listener of listeners) listener()
  }

  return {
    async subscribe (listener: () => void): Promise<void> {
      if (closed) throw new Error('Cannot subscribe: the store is closed')
      listeners.add(listener)
      subscription ??= isIoredis(client)
        ? subscribeIoredis(client.duplicate(), channel, wake)
        : subscribeNodeRedis(client.duplicate(), channel, wake)
      const { subscribed } = subscription
      await inTime(() => subscribed)
    },

    async close (): Promise<void> {
      closed = true
      subscription?.end()
    }
  }
}

function subscribeIoredis (connection: IoredisSubscriber, channel: string, wake: () => void): Subscription {
  connection.on('error', ignore)
  connection.on('message', wake)
  const subscribed = new Promise<void>((resolve, reject) => {
    // At each return of the connection, though ioredis may do so by itself: that can be switched off.
    connection.on('ready', () => {
      connection.subscribe(channel).then(() => {
        resolve()
        wake()
      }).catch(reject)
    })
  })
  subscribed.catch(ignore)
  if (connection.status === 'wait') connection.connect().catch(ignore)
  return { subscribed, end: () => connection.disconnect() }
}

function subscribeNodeRedis (connection: NodeRedisSubscriber, channel: string, wake: () => void): Subscription {
  // Without a listener, the first lost connection would end the process.
  connection.on('error', ignore)
  const subscribed = (async () => {
    await connection.connect()
    await connection.subscribe(channel, wake)
    connection.on('ready', wake)
    wake()
  })()
  subscribed.catch(ignore)
  return {
    subscribed,
    end () {
      try {
        connection.destroy()
      } catch {
        // Versions differ in whether one that has given up may be destroyed.
      }
    }
  }
}

/** Failures of this connection cost speed, nothing else: the readers of the feed poll. */
function ignore (): void {}
