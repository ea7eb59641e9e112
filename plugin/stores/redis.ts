import { randomBytes } from 'node:crypto'
import { assertClient, createDriver } from './redis/driver.ts'
import type { Argument, Evaluate, RedisClient } from './redis/driver.ts'
import { warnOfEviction } from './redis/eviction.ts'
import { keyNames } from './redis/lua.ts'
import type { Script } from './redis/lua.ts'
import { createPush } from './redis/push.ts'
import { toEntry, toMember, toPieces, toPosition, toRevoked, toRow } from './redis/rows.ts'
import { createPrepare } from './redis/schema.ts'
import { scripts } from './redis/scripts.ts'
import { maxBatch, wholeMilliseconds } from './session-store.ts'
import type { CompareAndSetResult, RevokeManyResult, SessionStore, Subject } from './session-store.ts'

export type { IoredisClient, NodeRedisClient, RedisClient } from './redis/driver.ts'

export interface RedisStoreOptions {
  /**
   * What all keys begin with, in braces and before a colon: `{auth}:`. Stores with different prefixes on one server know
   * nothing of each other. Braces are rejected, because they would take the keys apart on a cluster. Default: `auth`.
   */
  prefix?: string | undefined
}

interface Call {
  readonly keys?: readonly string[]
  readonly args?: readonly Argument[]
}

/**
 * For tests: how long a call may take (below the 2 s after which a refresh is a 503), and the wait before a password is
 * tried again.
 */
interface Timing {
  callMs?: number
  retryMs?: number
}

/**
 * Keeps sessions in Redis (or Valkey): one hash a session, which Redis itself removes when the session has expired.
 *
 * Takes a client of ioredis or node-redis and never closes it; `subscribe()` opens one connection more by
 * `duplicate()`, which `close()` ends. The clock is that of the primary. Each call is one Lua script and one round trip
 * (two when Redis has forgotten the script, and for `insert()` with `authenticatedAge`), so that it happens whole or not
 * at all, and entries of the revocation log become visible in the order of their numbers. No script works on more than
 * a batch of rows. `appendRevocations()` and `sweep()` take a script for each batch. All keys share one hash tag and thus one
 * node of a cluster: it works there, but does **not** spread sessions over the nodes. Needs Redis 5 or later, rights to
 * the keys and channels `{prefix}:*`, and for push the right to publish and subscribe (without it, readers of the log poll).
 *
 * A call rejects where Redis does not respond within 1.9 s. While the client has no connection, calls wait for it here
 * and not in the client's queue, so that a call that was rejected is not sent later. What had been **sent** when the
 * connection was lost may still be carried out, once or (ioredis sends such calls again:
 * `autoResendUnfulfilledCommands`) twice: a revocation late or repeated revokes what had to be revoked anyway; a
 * `revokeAll()` also revokes what was started meanwhile; a rotation without a response is a lost response, and a late
 * retry gets its successor (not with `lateRetries: 0`); an `insert()` leaves a session whose token nobody has, until it expires.
 *
 * What it does **not** promise is what Redis does not: a call resolves before replicas or the disk have the write. A
 * failover, or a crash without `appendfsync always`, can restore a refresh token that was rotated, or a session that
 * was revoked; readers of the log notice by their cursor and write their entries back, which stops the access tokens.
 * Redis must not evict: unless `maxmemory-policy` is `noeviction`, the process emits one warning with the code
 * `FASTIFY_AUTHENTICATE_REDIS_EVICTION`, except where Redis does not say (INFO is forbidden).
 *
 * ```ts
 * import { Redis } from 'ioredis'
 * await app.register(authenticate, { issuer, secret, store: redisStore(new Redis(process.env.REDIS_URL)) })
 * ```
 *
 * @throws TypeError where the client is not one of ioredis or node-redis, or `prefix` is empty or has braces
 */
export function redisStore(
  client: RedisClient,
  { prefix = 'auth', callMs = 1900, retryMs = 500 }: RedisStoreOptions & Timing = {}
): SessionStore {
  assertClient(client)
  if (typeof prefix !== 'string' || !/^[^{}]+$/.test(prefix)) {
    throw new TypeError(
      `Cannot make a redisStore: "prefix" must be a string without braces: received ${JSON.stringify(prefix)}`
    )
  }
  const base = `{${prefix}}:`
  const channel = base + keyNames.log
  const logKeys = [base + keyNames.log, base + keyNames.logUntil, base + keyNames.logNonce]
  const sessionKey = (id: string) => base + keyNames.session + id
  const ownerKeys = ({ issuers, sub }: Subject) =>
    [...new Set(issuers)].flatMap((issuer) => {
      const owner = `${issuer === '' ? '' : `${Buffer.byteLength(issuer)}:${issuer}`}:${sub}`
      return [base + keyNames.index + owner, base + keyNames.counter + owner]
    })
  /** Tells an entry from another one that got its number after Redis lost writes. */
  const newNonce = () => randomBytes(9).toString('base64url')
  const driver = createDriver(client, { callMs })
  const push = createPush(client, { driver, channel })
  const attempt = createPrepare(driver, { base, retryMs })
  const askForPolicy = warnOfEviction(driver)
  let prepared: Promise<number> | undefined
  let isPrepared = false

  /** Calls that come before `prepare()` prepare by themselves; a failed attempt is made again by the next call. */
  async function prepare(): Promise<number> {
    prepared ??= attempt()
      .then((storeTime) => {
        isPrepared = true
        askForPolicy()
        return storeTime
      })
      .finally(() => {
        prepared = undefined
      })
    return await prepared
  }

  /** Within the time of one call, whatever has to be sent. */
  async function inTime<T>(step: (evaluate: Evaluate) => Promise<T>): Promise<T> {
    return await driver.inTime(async (evaluate) => {
      if (!isPrepared) await prepare()
      return await step(evaluate)
    })
  }

  async function run(script: Script, { keys = [], args = [] }: Call = {}): Promise<unknown[]> {
    return (await inTime(async (evaluate) => evaluate(script, { keys: [base, ...keys], args }))) as unknown[]
  }

  /** Where the log may grow. */
  async function runRevoking(
    script: Script,
    { keys = [], args = [], lifetimeSeconds }: Call & { lifetimeSeconds: number }
  ) {
    return await run(script, { keys: [...logKeys, ...keys], args: [newNonce(), channel, lifetimeSeconds, ...args] })
  }

  async function compareAndSet(script: Script, id: string, args: readonly Argument[]): Promise<CompareAndSetResult> {
    const [now, flat, applied] = await run(script, { keys: [sessionKey(id)], args: [id, ...args] })
    return { row: toRow(id, flat), storeTime: Number(now), applied: Number(applied) === 1 }
  }

  return {
    prepare: async () => ({ storeTime: await prepare() }),

    async insert(session, { issuers, revoke, revokeOthers = false, maxSessions, authenticatedAge, lifetimeSeconds }) {
      const { id, issuer, sub, idleMs, absoluteMs, accessLifetimeSeconds } = session
      const subject = { issuers, sub }
      const named = [...new Set(revoke)]
      const keys = [base, ...logKeys, sessionKey(id), ...ownerKeys(subject), ...named.map(sessionKey)]
      const [now, flat, revoked, others, evicted, more] = (await inTime(async (evaluate) => {
        // Redis does not say when a call arrived, only when it ran: between the two, a revokeAll() may have run.
        const [before] =
          authenticatedAge === undefined ? [0] : ((await evaluate(scripts.time, { keys: [base] })) as [now: unknown])
        const authenticatedAt = authenticatedAge === undefined ? '' : Number(before) - authenticatedAge()
        const args = [
          newNonce(),
          channel,
          lifetimeSeconds,
          id,
          issuer,
          ...toArguments(subject),
          authenticatedAt,
          ...toList(named),
          revokeOthers ? 1 : 0,
          toLimit(maxSessions),
          idleMs,
          absoluteMs,
          accessLifetimeSeconds,
          ...toList(toPieces(session))
        ]
        return await evaluate(scripts.insert, { keys, args })
      })) as [now: unknown, flat: unknown, revoked: unknown[], others: unknown[], evicted: unknown[], more: unknown]
      const storeTime = Number(now)
      if (flat === undefined) return { row: null, storeTime }
      return {
        row: toRow(id, flat)!,
        storeTime,
        revoked: [...revoked, ...others].map(toRevoked),
        evicted: evicted.map(toRevoked),
        more: Number(more) === 1
      }
    },

    async find(id) {
      const [now, flat] = await run(scripts.find, { keys: [sessionKey(id)], args: [id] })
      return { row: toRow(id, flat), storeTime: Number(now) }
    },

    rotate: async (id, { from, to, minAgeMs, idleMs, accessLifetimeSeconds }) =>
      compareAndSet(scripts.rotate, id, [from, to, minAgeMs, idleMs, accessLifetimeSeconds]),

    countRetry: async (id, { generation, retries, keepRetries, idleMs, accessLifetimeSeconds }) =>
      compareAndSet(scripts.countRetry, id, [
        generation,
        retries.join(),
        keepRetries.join(),
        idleMs,
        accessLifetimeSeconds
      ]),

    countRepeat: async (id, { generation, repeated, streak }) =>
      compareAndSet(scripts.countRepeat, id, [generation, repeated, streak]),

    async revoke(id, { sub, issuers, lifetimeSeconds }) {
      const [now, revoked] = await runRevoking(scripts.revoke, {
        keys: [sessionKey(id)],
        args: [id, ...(sub === undefined ? [-1] : toList([sub])), ...(issuers === undefined ? [-1] : toList(issuers))],
        lifetimeSeconds
      })
      return { revoked: revoked === undefined ? null : toRevoked(revoked), storeTime: Number(now) }
    },

    async revokeAll(subject, { except, lifetimeSeconds }) {
      const args = [...toArguments(subject), ...toList(except === undefined ? [] : [except])]
      return toMany(await runRevoking(scripts.revokeAll, { keys: ownerKeys(subject), args, lifetimeSeconds }))
    },

    async trim(subject, { maxSessions, lifetimeSeconds }) {
      const args = [...toArguments(subject), toLimit(maxSessions)]
      return toMany(await runRevoking(scripts.trim, { keys: ownerKeys(subject), args, lifetimeSeconds }))
    },

    async list(subject, { limit }) {
      const args = [...toArguments(subject), toLimit(limit)]
      const [now, found] = (await run(scripts.list, { keys: ownerKeys(subject), args })) as [
        unknown,
        [unknown, unknown][]
      ]
      // In the order of their start where nothing else tells them apart.
      const rows = found
        .reverse()
        .map(([id, flat]) => toRow(String(id), flat)!)
        .sort((a, b) => a.createdAt - b.createdAt)
      return { rows, storeTime: Number(now) }
    },

    async appendRevocations(entries, { lifetimeSeconds }) {
      let storeTime = entries.length === 0 ? Number((await run(scripts.time))[0]) : 0
      for (let start = 0; start < entries.length; start += maxBatch) {
        const args = entries
          .slice(start, start + maxBatch)
          .flatMap((entry) => [toMember(entry), wholeMilliseconds(entry.until)])
        const [now] = await runRevoking(scripts.appendRevocations, { args, lifetimeSeconds })
        storeTime = Number(now)
      }
      return { storeTime }
    },

    async readRevocations(cursor, limit) {
      const args = [Math.min(limit, maxBatch), ...toPosition(cursor)]
      const [now, page, next, more, resumed] = (await run(scripts.readRevocations, { keys: logKeys, args })) as [
        unknown,
        unknown[],
        unknown,
        unknown,
        unknown
      ]
      return {
        entries: page.map(toEntry),
        cursor: String(next),
        more: Number(more) === 1,
        resumed: Number(resumed) === 1,
        storeTime: Number(now)
      }
    },

    subscribe: push.subscribe,

    /** Resolves to 0: sessions, and what is remembered of subjects, Redis removes by itself and does not count. */
    async sweep() {
      for (let found = maxBatch; found === maxBatch;) {
        const [, expired] = await run(scripts.sweepLog, { keys: logKeys, args: [maxBatch] })
        found = Number(expired)
      }
      return 0
    },

    close: push.close
  }
}

function toList(texts: readonly string[]): Argument[] {
  return [texts.length, ...texts]
}

function toArguments({ issuers, sub }: Subject): Argument[] {
  return [sub, ...toList([...new Set(issuers)])]
}

function toLimit(count: number): number {
  return Math.min(count, Number.MAX_SAFE_INTEGER)
}

function toMany([now, revoked, more]: unknown[]): RevokeManyResult {
  return { revoked: (revoked as unknown[]).map(toRevoked), more: Number(more) === 1, storeTime: Number(now) }
}
