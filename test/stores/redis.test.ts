import { Redis } from 'ioredis'
import type { Cluster } from 'ioredis'
import { createClient } from 'redis'
import type { RedisClientType, RedisClusterType, RedisSentinelType } from 'redis'
import t from 'tap'
import { redisStore } from '../../plugin/stores/redis.ts'
import type { RedisClient } from '../../plugin/stores/redis.ts'

t.test('redisStore() throws a TypeError for anything that is not a client', async (t) => {
  const received: [client: unknown, what: string][] = [
    ['redis://localhost', 'a string'],
    [{}, 'a plain object'],
    [{ url: 'redis://localhost' }, 'a plain object'],
    [undefined, 'undefined'],
    [null, 'null'],
    [new Map(), 'a Map'],
    [Redis, 'a function'],
    [[], 'a Array']
  ]
  for (const [client, what] of received) {
    t.throws(() => redisStore(client as RedisClient), {
      name: 'TypeError',
      message:
        'Cannot create a redisStore: "client" must be a client of ioredis or node-redis, ' +
        `made by new Redis(…) or createClient(…): received ${what}`
    })
  }
})

t.test('redisStore() throws a TypeError for a prefix that would put keys on different nodes', async (t) => {
  for (const prefix of ['', 'a}', '{', '{a}', 1]) {
    t.throws(() => redisStore(createClient() as RedisClient, { prefix: prefix as string }), {
      name: 'TypeError',
      message: /^Cannot create a redisStore: "prefix" must be a non-empty string without braces: received /
    })
  }
})

/**
 * Never called: what must compile. By the types' names, because `ReturnType<typeof createCluster>` takes the compiler
 * seconds.
 */
export function acceptEveryClient(
  ioredis: Cluster,
  client: RedisClientType,
  cluster: RedisClusterType,
  sentinel: RedisSentinelType
) {
  return [ioredis, client, cluster, sentinel].map((each) => redisStore(each))
}
