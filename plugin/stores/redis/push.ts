import type { PushListener } from '../session-store.ts'
import { isIoredis } from './client.ts'
import type { IoredisSubscriber, NodeRedisSubscriber, RedisClient } from './client.ts'
import type { Driver } from './driver.ts'
import { script } from './scripts/script.ts'

/** A connection that subscribes, again after each reconnect. */
interface Subscriber {
  /** Settles like the attempt in progress, or like the last one. */
  subscribed(): Promise<void>
  end(): void
}

interface Subscription {
  readonly channel: string
  readonly wake: () => void
}

const publish = script(`
  return redis.call('PUBLISH', ARGV[1], '')`)

/**
 * Opens a connection of its own at the first `subscribe()`, because a connection that subscribes can do little else.
 * It has the client's options, and so reconnects as the client does. It wakes its listeners after each reconnect,
 * because messages that were published meanwhile are lost.
 */
export function createPush(client: RedisClient, { driver, channel }: { driver: Driver; channel: string }) {
  const listeners = new Set<PushListener>()
  let subscriber: Subscriber | undefined
  let closed = false
  const wake = () => {
    if (!closed) for (const listener of listeners) listener.wake()
  }

  return {
    async subscribe(listener: PushListener): Promise<void> {
      if (closed) throw new Error('Cannot subscribe: the store is closed')
      listeners.add(listener)
      const current = (subscriber ??= isIoredis(client)
        ? ioredisSubscriber(client.duplicate(), { channel, wake })
        : nodeRedisSubscriber(client.duplicate(), { channel, wake }))
      await driver.withCallTimeout(async () => current.subscribed())
      // Fails if the user may subscribe but not publish: then no message would ever arrive.
      await driver.evaluate(publish, { keys: [], args: [channel] })
    },

    async close(): Promise<void> {
      closed = true
      subscriber?.end()
    }
  }
}

/** Keeps the outcome of the last attempt, and repeats a failed one. */
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
    /** `undefined` before the first attempt. */
    current(): Promise<void> | undefined {
      return failed ? this.start() : last
    }
  }
}

function ioredisSubscriber(connection: IoredisSubscriber, { channel, wake }: Subscription): Subscriber {
  connection.on('error', ignore)
  connection.on('message', wake)
  const attempts = createAttempts(async () => {
    await connection.subscribe(channel)
    wake()
  })
  const connected = new Promise<void>((resolve) => {
    // After each reconnect. ioredis resubscribes too, unless the application has switched that off.
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

function nodeRedisSubscriber(connection: NodeRedisSubscriber, { channel, wake }: Subscription): Subscriber {
  // Without a listener, a lost connection would end the process.
  connection.on('error', ignore)
  let isSubscribed = false
  const attempts = createAttempts(async () => {
    await connection.subscribe(channel, wake)
    isSubscribed = true
    wake()
  })
  const connected = (async () => {
    await connection.connect()
    // node-redis resubscribes by itself; a subscription that was refused may be allowed by now.
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
        // Some versions throw if the connection has given up reconnecting.
      }
    }
  }
}

/** A failure of this connection only costs speed, because readers of the log poll as well. */
function ignore(): void {}
