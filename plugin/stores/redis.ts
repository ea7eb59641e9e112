import { randomBytes } from 'node:crypto'
import { createEvaluate } from './redis/client.ts'
import type { Evaluate, RedisClient } from './redis/client.ts'
import { keyNames } from './redis/lua.ts'
import { toEnded, toEntry, toMember, toPieces, toRow } from './redis/rows.ts'
import { scripts } from './redis/scripts.ts'
import { createWakeUps } from './redis/wake-ups.ts'
import type { SessionStore, Write } from './store.ts'

export type { IoredisClient, NodeRedisClient, RedisClient } from './redis/client.ts'

export interface RedisStoreOptions {
  /**
   * What all keys begin with, in braces: `{auth}`. Stores with different prefixes on one server know nothing of each
   * other. Braces are refused, for they would take the keys apart on a cluster. Default: `auth`.
   */
  prefix?: string | undefined
}

/** How many entries of the feed one script reads, adds or removes: other callers of Redis wait that long. */
const batchSize = 1000

/**
 * Keeps sessions in Redis (or Valkey): one hash a session, which Redis itself removes when the session has expired.
 *
 * Takes an open client, of ioredis or node-redis, and never closes it; `subscribe()` opens one connection more by
 * `duplicate()`, which `close()` ends. The clock is that of the primary. Each call is one Lua script and one round trip
 * (two when Redis has forgotten the script), so that it happens whole or not at all, and entries of the feed become
 * visible in the order of their numbers. All keys share one hash tag and thus one node of a cluster: it works there, but
 * does **not** spread sessions over the nodes. Needs Redis 5 or later, and leave to publish on the channel `{prefix}:f`
 * (without it, readers of the feed have to poll).
 *
 * A call rejects where Redis does not answer within 1.9 s. While the client has no connection, calls wait for it here
 * and not in the client's queue, so that what was refused is not sent later. What had been **sent** when the connection
 * was lost may still be carried out, once or (ioredis sends such calls again: `autoResendUnfulfilledCommands`) twice:
 * a revocation late or repeated ends what was to end anyway; a `revokeAll()` also ends what was started meanwhile; a
 * rotation that nobody heard of is what a lost response is, and a late retry gets its successor (not with
 * `lateRetries: 0`); an `insert()` leaves a session whose token nobody has, until it expires.
 *
 * What it does **not** promise is what Redis does not: a call answers before replicas or the disk have the write. A
 * failover, or a crash without `appendfsync always`, can bring back a refresh token that was rotated, or a session that
 * was ended; the feed's readers notice by the cursor and write their entries back, which stops the access tokens.
 * Redis must not evict: unless `maxmemory-policy` is `noeviction`, the process emits one warning with the code
 * `FASTIFY_AUTHENTICATE_REDIS_EVICTION`, or none where Redis does not tell (INFO is forbidden).
 *
 * ```ts
 * import { Redis } from 'ioredis'
 * await app.register(authenticate, { issuer, secret, store: redisStore(new Redis(process.env.REDIS_URL)) })
 * ```
 *
 * @throws TypeError where `prefix` is empty or has braces
 */
export function redisStore (client: RedisClient, { prefix = 'auth' }: RedisStoreOptions = {}): SessionStore {
  if (typeof prefix !== 'string' || !/^[^{}]+$/.test(prefix)) {
    throw new TypeError(`Cannot make a redisStore: "prefix" must be a text without braces: received ${JSON.stringify(prefix)}`)
  }
  const base = `{${prefix}}`
  const channel = base + keyNames.feed
  const feedKeys = [base + keyNames.feed, base + keyNames.feedUntil, base + keyNames.feedMark]
  const keyOf = (kind: 'session' | 'subject' | 'revokedAll', name: string) => base + keyNames[kind] + name
  const evaluate = warnOfEviction(createEvaluate(client))
  /** Tells an entry from another one that got its number after Redis lost writes. */
  const newMark = () => randomBytes(9).toString('base64url')
  const wakeUps = createWakeUps(client, channel)

  async function compareAndSet (name: 'rotate' | 'countRetry', id: string, args: (string | number)[]): Promise<Write> {
    const [now, flat, applied] = await evaluate(scripts[name], [base, keyOf('session', id)], [id, ...args]) as unknown[]
    return { row: toRow(id, flat), now: Number(now), applied: Number(applied) === 1 }
  }

  return {
    async insert (session, { end, authenticatedAt = '', lifetimeSeconds }) {
      const { id, sub, idleMs, absoluteMs, accessLifetimeSeconds } = session
      const ending = [...new Set(end)]
      const [now, flat, ended] = await evaluate(
        scripts.insert,
        [base, keyOf('session', id), keyOf('subject', sub), keyOf('revokedAll', sub), ...feedKeys, ...ending.map((id) => keyOf('session', id))],
        [newMark(), channel, lifetimeSeconds, id, sub, authenticatedAt, idleMs, absoluteMs, accessLifetimeSeconds,
          ending.length, ...ending, ...toPieces(session)]
      ) as [now: unknown, flat?: unknown, ended?: unknown[]]
      if (flat === undefined) return { row: null, now: Number(now), ended: [] }
      return { row: toRow(id, flat)!, now: Number(now), ended: ended!.map(toEnded) }
    },

    async find (id) {
      const [now, flat] = await evaluate(scripts.find, [base, keyOf('session', id)], [id]) as unknown[]
      return { row: toRow(id, flat), now: Number(now) }
    },

    rotate: async (id, { from, to, minAgeMs, idleMs }) => compareAndSet('rotate', id, [from, to, minAgeMs, idleMs]),

    countRetry: async (id, { generation, retries, keep, idleMs }) =>
      compareAndSet('countRetry', id, [generation, retries.join(), keep.join(), idleMs]),

    async revoke (id, { sub, lifetimeSeconds }) {
      const [ended] = await evaluate(
        scripts.revoke,
        [base, keyOf('session', id), ...feedKeys],
        [newMark(), channel, lifetimeSeconds, id, ...sub === undefined ? [] : [sub]]
      ) as unknown[]
      return ended === undefined ? null : toEnded(ended)
    },

    async revokeAll (sub, { except, lifetimeSeconds }) {
      const ended = await evaluate(
        scripts.revokeAll,
        [base, keyOf('subject', sub), keyOf('revokedAll', sub), ...feedKeys],
        [newMark(), channel, lifetimeSeconds, sub, ...except === undefined ? [] : [except]]
      ) as unknown[]
      return ended.map(toEnded)
    },

    async list (sub) {
      const found = await evaluate(scripts.list, [base, keyOf('subject', sub)], [sub]) as [id: unknown, flat: unknown][]
      return found.map(([id, flat]) => toRow(String(id), flat)!).sort((a, b) => a.createdAt - b.createdAt)
    },

    async feed (entries) {
      for (let start = 0; start < entries.length; start += batchSize) {
        const batch = entries.slice(start, start + batchSize)
        await evaluate(scripts.feed, [base, ...feedKeys], [newMark(), channel, ...batch.flatMap((entry) => [toMember(entry), entry.until])])
      }
    },

    async readFeed (cursor, limit) {
      const [now, page, next, more, resumed] = await evaluate(
        scripts.readFeed,
        [base, ...feedKeys],
        [Math.min(limit, batchSize), ...cursor === null ? [] : toPosition(cursor)]
      ) as [now: unknown, page: unknown[], next: unknown, more: unknown, resumed: unknown]
      return {
        entries: page.map(toEntry),
        cursor: String(next),
        more: Number(more) === 1,
        resumed: Number(resumed) === 1,
        now: Number(now)
      }
    },

    subscribe: wakeUps.subscribe,

    /** Resolves to 0: sessions, and what is remembered of subjects, Redis removes by itself and does not count. */
    async sweep () {
      for (let found = batchSize; found === batchSize;) {
        found = Number(await evaluate(scripts.trimFeed, [base, ...feedKeys], [batchSize]))
      }
      return 0
    },

    close: wakeUps.close
  }
}

/** Number and mark; of a text that is no cursor, those of an entry that cannot be. */
function toPosition (cursor: string): [number: string, mark: string] {
  const [, number, mark] = /^(\d{1,15})\.([\w-]*)$/.exec(cursor) ?? []
  return number === undefined || mark === undefined ? ['0', '-'] : [number, mark]
}

/** Asks once, after Redis has answered for the first time; by the process' warnings, for a store has no logger. */
function warnOfEviction (evaluate: Evaluate): Evaluate {
  let asked = false

  async function ask (): Promise<void> {
    const policy = String(await evaluate(scripts.evictionPolicy, []))
    if (policy === '' || policy === 'noeviction') return
    process.emitWarning(`Redis may evict sessions and revocations: its maxmemory-policy is ${policy}. Set it to noeviction`, {
      code: 'FASTIFY_AUTHENTICATE_REDIS_EVICTION'
    })
  }

  return async function evaluateAndAsk (...call) {
    const reply = await evaluate(...call)
    if (!asked) {
      asked = true
      ask().catch(() => {})
    }
    return reply
  }
}
