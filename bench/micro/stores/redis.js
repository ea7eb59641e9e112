import { Redis } from 'ioredis'
import { redisStore } from '../../../dist/stores/redis.js'
import { inserting, session } from '../session.js'

// Few enough that Redis, which waits for the disk, responds in time.
const batchSize = 100

export async function open({ path }, name) {
  const client = new Redis(path)
  const store = redisStore(client, { prefix: name })
  return {
    store,
    async fill(count) {
      for (let number = 1; number <= count; number += batchSize) {
        const length = Math.min(batchSize, count + 1 - number)
        await Promise.all(Array.from({ length }, (_, index) => store.insert(session(number + index), inserting)))
      }
    },
    async bytes() {
      return Number(/^used_memory:(\d+)/m.exec(await client.info('memory'))[1])
    }
  }
}
