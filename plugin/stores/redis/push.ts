import type { PushListener } from '../session-store.ts'
import { PushFeed } from '../push/feed.ts'
import { heartbeatMessage } from '../push/message.ts'
import { isCluster, isIoredis } from './client.ts'
import type { IoredisSubscriber, NodeRedisSubscriber, RedisClient } from './client.ts'
import type { Driver } from './driver.ts'
import { isForbidden } from './errors.ts'

/** A connection that subscribes, again after each reconnect. */
interface Subscriber {
  /** Settles like the attempt in progress, or like the last one. */
  subscribed(): Promise<void>
  end(): void
}

interface Subscription {
  readonly channel: string
  readonly receive: (message: string) => void
  /** Called after each reconnect: messages that were published meanwhile are lost. */
  readonly connected: () => void
}

/**
 * Opens a connection of its own at the first `subscribe()`, because a connection that subscribes can do little else.
 * It has the client's options, and so reconnects as the client does.
 */
export function createPush(client: RedisClient, { driver, channel }: { driver: Driver; channel: string }) {
  let subscriber: Subscriber | undefined
  let mayPublish = true
  const publish = async (message: string) =>
    driver.publish(channel, message).catch((error: unknown) => {
      mayPublish = !isForbidden(error)
      throw error
    })
  const heartbeat = async (message: string) => (mayPublish ? publish(message) : undefined)
  const feed = new PushFeed({ publish: isCluster(client) ? null : heartbeat })
  const subscription = {
    channel,
    receive: (message: string) => feed.receive(message),
    connected() {
      mayPublish = true
      feed.wake()
    }
  }

  return {
    async subscribe(listener: PushListener): Promise<void> {
      feed.add(listener)
      const current = (subscriber ??= isIoredis(client)
        ? ioredisSubscriber(client.duplicate(), subscription)
        : nodeRedisSubscriber(client.duplicate(), subscription))
      await driver.withCallTimeout(async () => current.subscribed())
      // Fails if the user may subscribe but not publish: then no message would ever arrive.
      await publish(heartbeatMessage)
    },

    /** Runs a script that may publish, under a name that is in what it publishes. */
    run: feed.run.bind(feed),

    async close(): Promise<void> {
      feed.close()
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

function ioredisSubscriber(connection: IoredisSubscriber, { channel, receive, connected }: Subscription): Subscriber {
  connection.on('error', ignore)
  connection.on('message', (_channel, message) => receive(message))
  const attempts = createAttempts(async () => {
    await connection.subscribe(channel)
    connected()
  })
  const ready = new Promise<void>((resolve) => {
    // After each reconnect. ioredis resubscribes too, unless the application has switched that off.
    connection.on('ready', () => {
      attempts.start().catch(ignore)
      resolve()
    })
  })
  if (connection.status === 'wait') connection.connect().catch(ignore)
  return {
    async subscribed() {
      await ready
      await attempts.current()
    },
    end: () => connection.disconnect()
  }
}

function nodeRedisSubscriber(
  connection: NodeRedisSubscriber,
  { channel, receive, connected }: Subscription
): Subscriber {
  // Without a listener, a lost connection would end the process.
  connection.on('error', ignore)
  let isSubscribed = false
  const attempts = createAttempts(async () => {
    await connection.subscribe(channel, receive)
    isSubscribed = true
    connected()
  })
  const ready = (async () => {
    await connection.connect()
    // node-redis resubscribes by itself; a subscription that was refused may be allowed by now.
    connection.on('ready', () => {
      if (isSubscribed) connected()
      else attempts.start().catch(ignore)
    })
    attempts.start().catch(ignore)
  })()
  ready.catch(ignore)
  return {
    async subscribed() {
      await ready
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
