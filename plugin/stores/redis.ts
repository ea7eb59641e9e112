import { checkClient } from './redis/client.ts'
import type { RedisClient } from './redis/client.ts'
import { createRedisStore } from './redis/store.ts'
import type { SessionStore } from './session-store.ts'
import { checkOptionNames, show, factoryOptionError } from './factory-options.ts'

export type { IoredisClient, NodeRedisClient, RedisClient } from './redis/client.ts'

/** What `redisStore()` takes besides the client. */
export interface RedisStoreOptions {
  /**
   * All keys begin with it, in braces and with a colon after it: `{auth}:`. Stores with different prefixes share a
   * server and nothing else. A non-empty string without braces, because more braces would put the keys on different
   * nodes of a cluster. Default: `'auth'`. Anything else throws a TypeError.
   */
  prefix?: string | undefined
}

/**
 * Keeps sessions in Redis (or Valkey): one hash for each session, which Redis removes when the session has expired.
 *
 * Takes a client of ioredis or node-redis and never closes it. `subscribe()` opens one more connection by
 * `duplicate()`, which `close()` ends. The store's time is the primary's. Each call is one Lua script and one round
 * trip (two if Redis does not know the script yet, and for `insert()` with `authenticatedAge`). So each call is atomic,
 * and entries of the revocation log become visible in the order of their numbers. No script works on more than one
 * batch of rows; `appendRevocations()` and `sweep()` run one script for each batch. All keys share one hash tag, and
 * thus one node of a cluster: the store works there but does **not** spread sessions over the nodes. It needs Redis 5
 * or later, permission for the keys and channels `{prefix}:*`, and for push the permission to publish and subscribe
 * (without it, readers of the log poll).
 *
 * A call rejects if Redis does not respond within 1.8 s. While the client has no connection, calls wait in the store
 * and not in the client's queue, so that a rejected call is not sent later. A call that was **sent** before the
 * connection was lost may still be carried out, once or, with ioredis (`autoResendUnfulfilledCommands`), twice:
 *
 * - a revocation that comes late or twice is harmless; a late `revokeAll()` also revokes sessions started meanwhile;
 * - a rotation whose response was lost is a late retry for the client, which gets the successor (unless
 *   `lateRetries` is 0);
 * - an `insert()` leaves a session whose token nobody has, until it expires.
 *
 * It does **not** promise more durability than Redis does: a call resolves before replicas or the disk have the write.
 * After a failover, or a crash without `appendfsync always`, a rotated refresh token or a revoked session may be back.
 * Readers of the log notice it by their cursor and write their entries again, which revokes the access tokens.
 *
 * Redis must not evict. Unless `maxmemory-policy` is `noeviction`, the process emits one warning with the code
 * `FASTIFY_AUTHENTICATE_REDIS_EVICTION`. It does not if the user may not call INFO.
 *
 * ```ts
 * import { Redis } from 'ioredis'
 * import { redisStore } from 'fastify-authenticate/stores/redis'
 *
 * await app.register(authenticate, { issuer, secret, store: redisStore(new Redis('redis://localhost:6379')) })
 * ```
 *
 * @throws TypeError if `client` is not a client of ioredis or node-redis, or for a wrong option
 */
export function redisStore(client: RedisClient, options: RedisStoreOptions = {}): SessionStore {
  checkClient(client)
  checkOptionNames(options, { factory: 'redisStore', known: ['prefix'] })
  const { prefix = 'auth' } = options
  if (typeof prefix !== 'string' || !/^[^{}]+$/.test(prefix)) {
    throw factoryOptionError({
      factory: 'redisStore',
      option: 'prefix',
      expected: 'a non-empty string without braces',
      received: show(prefix)
    })
  }
  return createRedisStore(client, { prefix })
}
