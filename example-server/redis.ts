import { Redis } from 'ioredis'
import { redisStore } from '../plugin/stores/redis.ts'

const connectMs = 2000
const answerMs = 1900
const longestRetryMs = 1000

/**
 * Connects, and goes on trying while Redis is away.
 * @throws where Redis does not let us in: that does not pass by itself
 */
export async function openRedis(url: string) {
  const redis = new Redis(url.replace(/^unix:\/\//, ''), {
    connectTimeout: connectMs,
    commandTimeout: answerMs,
    retryStrategy: (times) => Math.min(50 * 2 ** times, longestRetryMs),
    // What was refused must not be carried out when the connection is back.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false
  })
  const problem = await new Promise<Error | null>((resolve) => {
    redis.once('ready', () => resolve(null))
    // For good: without a listener, each attempt that fails would be printed.
    redis.on('error', resolve)
  })
  if (problem?.name === 'ReplyError') {
    redis.disconnect()
    throw new Error(
      `REDIS_URL names a user, a password or a database that Redis refuses (${problem.message.split(' ', 1).join()})`
    )
  }
  return {
    redis,
    sessions: redisStore(redis),
    async close() {
      redis.disconnect()
    }
  }
}
