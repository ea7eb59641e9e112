import type { Driver, IoredisSubscriber, NodeRedisSubscriber, RedisClient } from './driver.ts'
import { isIoredis } from './driver.ts'
import { script } from './lua.ts'

/** A connection that listens, and tries again whenever it is back. */
interface Subscriber {
  /** Settles as the attempt that is under way, or as the last one did. */
  subscribed(): Promise<void>
  end(): void
}

const publish = script(`
  return redis.call('PUBLISH', ARGV[1], '')`)

/**
 * Listens on a connection of its own, opened at the first `subscribe()`: a connection that subscribes can do little else.
 * It has the options of the client that was given, reconnects by them, and wakes its listeners each time it is back,
 * because what was published meanwhile is lost.
 */
export function createPush(
  client: RedisClient,
  { driver: { evaluate, inTime }, channel }: { driver: Driver; channel: string }
) {
  const listeners = new Set<() => void>()
  let subscriber: Subscriber | undefined
  let closed = false
  const wake = () => {
    if (!closed) for (const listener of listeners) listener()
  }

  return {
    async subscribe(listener: () => void): Promise<void> {
      if (closed) throw new Error('Cannot subscribe: the store is closed')
      listeners.add(listener)
      const current = (subscriber ??= isIoredis(client)
        ? ioredisSubscriber(client.duplicate(), channel, wake)
        : nodeRedisSubscriber(client.duplicate(), channel, wake))
      await inTime(async () => current.subscribed())
      // To be able to hear is not enough: somebody has to be able to publish.
      await evaluate(publish, { keys: [], args: [channel] })
    },

    async close(): Promise<void> {
      closed = true
      subscriber?.end()
    }
  }
}

/** Keeps the outcome of the last attempt; a failed one can be repeated. */
function createAttempts(attempt: () => Promise<void>) {
  let last: Promise<void> | undefined
  let failed = false
  return {
    start(): Promise<void> {
      failed = false
      last = attempt()
      last.catch(() => {
        failed = true
      })
      return last
    },
    /** `undefined` where none was made. */
    current(): Promise<void> | undefined {
      return failed ? this.start() : last
    }
  }
}

function ioredisSubscriber(connection: IoredisSubscriber, channel: string, wake: () => void): Subscriber {
  connection.on('error', ignore)
  connection.on('message', wake)
  const attempts = createAttempts(async () => {
    await connection.subscribe(channel)
    wake()
  })
  const connected = new Promise<void>((resolve) => {
    // At each return of the connection, though ioredis may do so by itself: that can be switched off.
    connection.on('ready', () => {
      attempts.start().catch(ignore)
      resolve()
    })
  })
  if (connection.status === 'wait') connection.connect().catch(ignore)
  return {
    async subscribed() {
      await connected
      await attempts.current()
    },
    end: () => connection.disconnect()
  }
}

function nodeRedisSubscriber(connection: NodeRedisSubscriber, channel: string, wake: () => void): Subscriber {
  // Without a listener, the first lost connection would end the process.
  connection.on('error', ignore)
  let isSubscribed = false
  const attempts = createAttempts(async () => {
    await connection.subscribe(channel, wake)
    isSubscribed = true
    wake()
  })
  const connected = (async () => {
    await connection.connect()
    // What is subscribed comes back with the connection; what was refused may be allowed by then.
    connection.on('ready', () => {
      if (isSubscribed) wake()
      else attempts.start().catch(ignore)
    })
    attempts.start().catch(ignore)
  })()
  connected.catch(ignore)
  return {
    async subscribed() {
      await connected
      await attempts.current()
    },
    end() {
      try {
        connection.destroy()
      } catch {
        // Versions differ in whether one that has given up may be destroyed.
      }
    }
  }
}

/** Failures of this connection cost speed, nothing else: the readers of the log poll. */
function ignore(): void {}
