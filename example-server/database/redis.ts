import { Redis } from 'ioredis'
import { redisStore } from 'fastify-authenticate/stores/redis'

const connectTimeoutMs = 2000
const commandTimeoutMs = 1900
const maxRetryMs = 1000

/**
 * Connects, and keeps trying while Redis is down.
 * @throws Error if Redis refuses the user, the password or the database, because waiting cannot help
 */
export async function openRedis(url: string) {
  const redis = new Redis(url.replace(/^unix:\/\//, ''), {
    connectTimeout: connectTimeoutMs,
    commandTimeout: commandTimeoutMs,
    retryStrategy: (times) => Math.min(50 * 2 ** times, maxRetryMs),
    // A command whose request was refused with 503 must not run when the connection is back.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false
  })
  const problem = await new Promise<Error | null>((resolve) => {
    redis.once('ready', () => resolve(null))
    // Never removed: without a listener, ioredis prints every failed attempt.
    redis.on('error', resolve)
  })
  if (problem?.name === 'ReplyError') {
    redis.disconnect()
    const code = problem.message.split(' ', 1).join()
    throw new Error(`Redis rejects the user, the password or the database of REDIS_URL (${code})`)
  }
  return {
    redis,
    sessions: redisStore(redis),
    async close() {
      redis.disconnect()
    }
  }
}
