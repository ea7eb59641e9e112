import { beginning, formatCursor, parseCursor } from '../revocation-cursor.ts'
import { maxBatch, wholeMilliseconds } from '../session-store.ts'
import type { CompareAndSetResult, Revocation, SessionStore } from '../session-store.ts'
import { createBatches } from './batches.ts'
import type { PostgresPool } from './driver.ts'
import { toUnusable } from './errors.ts'
import { createPreparation } from './preparation.ts'
import { createPush } from './push.ts'
import { createQueries } from './queries.ts'
import { toCursor, toRevocation, toRevoked, toRow, toTime } from './rows.ts'
import type { Columns } from './rows.ts'
import { createStatements } from './statements.ts'
import { timeLimits } from './time-limits.ts'
import type { TimeLimits } from './time-limits.ts'

/** How many entries one transaction of `appendRevocations()` writes: others who write to the log wait for it. */
const appendBatch = 2500

/** The store behind `postgresStore()`. Tests shorten its time limits. */
export function createPostgresStore(
  pool: PostgresPool,
  options: { schema: string; limits?: Partial<TimeLimits> }
): SessionStore {
  const { schema } = options
  const limits = { ...timeLimits, ...options.limits }
  const sql = createStatements(`"${schema}"`)
  const push = createPush(pool, { channel: `${schema}.auth_feed`, limits })
  const preparation = createPreparation(pool, { schema, limits })
  let closed = false

  const { query, queryOne, queryTogether } = createQueries({ pool, preparation, push, limits })

  const compareAndSet = async (text: string, values: unknown[]): Promise<CompareAndSetResult> =>
    toCompareAndSetResult(await queryOne({ text, values: () => values }))

  const finds = createBatches<readonly [id: string]>({
    limitMs: limits.callMs,
    send: (take) => queryTogether({ text: sql.findMany, values: () => columnsOf(take(), 1) }),
    sendAlone: (values) => queryOne({ text: sql.find, values: () => [...values] })
  })
  const rotations = createBatches<RotateValues>({
    limitMs: limits.callMs,
    send: (take) => queryTogether({ text: sql.rotateMany, values: () => columnsOf(take(), 6) }),
    sendAlone: (values) => queryOne({ text: sql.rotate, values: () => [...values] })
  })

  async function append(entries: readonly Revocation[], lifetimeSeconds: number) {
    const kinds = entries.map(({ kind }) => kind)
    const ids = entries.map(({ id }) => id)
    const untils = entries.map(({ until }) => wholeMilliseconds(until))
    const values = () => [kinds, ids, untils, lifetimeSeconds]
    return { storeTime: toTime(await queryOne({ text: sql.appendRevocations, values })) }
  }

  return {
    async prepare() {
      await preparation.prepare()
      try {
        return { storeTime: toTime(await queryOne({ text: sql.time })) }
      } catch (error) {
        throw toUnusable(error) ?? error
      }
    },

    async insert(session, { issuers, revoke, revokeOthers = false, maxSessions, authenticatedAge, lifetimeSeconds }) {
      const { id, issuer, sub, sessionKey, device, scope, claims, accessLifetimeSeconds, idleMs, absoluteMs } = session
      const { idleLimitMs, details } = session
      const values = () => [
        id,
        issuer,
        sub,
        sessionKey,
        device === null ? null : JSON.stringify(device),
        scope,
        JSON.stringify(claims),
        accessLifetimeSeconds,
        idleMs,
        absoluteMs,
        issuers,
        revoke,
        revokeOthers,
        limitParameter(maxSessions),
        ageParameter(authenticatedAge?.()),
        lifetimeSeconds,
        maxBatch,
        idleLimitMs,
        JSON.stringify(details)
      ]
      const columns = await queryOne({ text: sql.insert, values })
      const row = toRow(columns)
      const storeTime = toTime(columns)
      if (row === null) return { row, storeTime }
      const { revoked, evicted, more } = columns
      return { row, storeTime, revoked: toRevoked(revoked), evicted: toRevoked(evicted), more: more === true }
    },

    async find(id) {
      const columns = await finds.call([id])
      return { row: toRow(columns), storeTime: toTime(columns) }
    },

    rotate: async (id, { from, to, minAgeMs, idleMs, accessLifetimeSeconds }) =>
      toCompareAndSetResult(await rotations.call([id, from, to, minAgeMs, idleMs, accessLifetimeSeconds])),

    countRetry: (id, { generation, retries, keepRetries, idleMs, accessLifetimeSeconds }) =>
      compareAndSet(sql.countRetry, [
        id,
        generation,
        retries.join(),
        keepRetries.join(),
        idleMs,
        accessLifetimeSeconds
      ]),

    countRepeat: (id, { generation, repeated, streak }) =>
      compareAndSet(sql.countRepeat, [id, generation, repeated, streak]),

    async revoke(id, { sub = null, issuers = null, lifetimeSeconds }) {
      const columns = await queryOne({ text: sql.revoke, values: () => [id, issuers, sub, lifetimeSeconds] })
      const revoked = columns.sub === null ? null : { id, sub: String(columns.sub), until: Number(columns.until) }
      return { revoked, storeTime: toTime(columns) }
    },

    async revokeAll({ issuers, sub }, { except = null, lifetimeSeconds }) {
      const values = () => [issuers, sub, except, lifetimeSeconds, maxBatch]
      const columns = await queryOne({ text: sql.revokeAll, values })
      return { revoked: toRevoked(columns.revoked), more: columns.more === true, storeTime: toTime(columns) }
    },

    async trim({ issuers, sub }, { maxSessions, lifetimeSeconds }) {
      const values = () => [issuers, sub, limitParameter(maxSessions), lifetimeSeconds, maxBatch]
      const columns = await queryOne({ text: sql.trim, values })
      const revoked = [...toRevoked(columns.revoked), ...toRevoked(columns.evicted)]
      return { revoked, more: columns.more === true, storeTime: toTime(columns) }
    },

    async list({ issuers, sub }, { limit }) {
      const found = await query({ text: sql.list, values: () => [issuers, sub, limit] })
      return { rows: found.map(toRow).filter((row) => row !== null), storeTime: toTime(found[0]!) }
    },

    async appendRevocations(entries, { lifetimeSeconds }) {
      let written = await append(entries.slice(0, appendBatch), lifetimeSeconds)
      for (let from = appendBatch; from < entries.length; from += appendBatch) {
        written = await append(entries.slice(from, from + appendBatch), lifetimeSeconds)
      }
      return written
    },

    async readRevocations(cursor, limit) {
      const place = parseCursor(cursor)
      const values = () => [place.number, place.nonce, limit + 1]
      const found = await query({ text: sql.readRevocations, values })
      const resumed = found[0]!.resumed === true
      const page = found.filter((columns) => columns.number !== null).slice(0, limit)
      const last = page.at(-1)
      return {
        entries: page.map(toRevocation),
        cursor: last === undefined ? formatCursor(resumed ? place : beginning) : toCursor(last),
        more: found.length > limit,
        resumed,
        storeTime: toTime(found[0]!)
      }
    },

    subscribe: (listener) => push.subscribe(listener),

    async sweep() {
      let total = 0
      let from: unknown[] = [0, 0]
      for (let more = true; more;) {
        const values = [...from, maxBatch]
        const columns = await queryOne({ text: sql.sweep, values: () => values, timeoutMs: limits.sweepMs })
        total += Number(columns.swept)
        from = [columns.next, columns.log_next]
        more = columns.more === true && !closed
      }
      return total
    },

    async close() {
      closed = true
      push.close()
    }
  }
}

/** The parameters of `auth_rotate()`, in order. */
type RotateValues = readonly [
  id: string,
  from: number,
  to: number,
  minAgeMs: number,
  idleMs: number,
  accessLifetimeSeconds: number
]

/** One array for each parameter: PostgreSQL takes a batch as columns. */
function columnsOf(calls: readonly (readonly unknown[])[], parameters: number): unknown[][] {
  return Array.from({ length: parameters }, (_, index) => calls.map((values) => values[index]))
}

function toCompareAndSetResult(columns: Columns): CompareAndSetResult {
  return { row: toRow(columns), storeTime: toTime(columns), applied: columns.applied === true }
}

/** NaN proves no time: it counts as infinitely old. */
function ageParameter(age: number | undefined): number | null {
  return age === undefined ? null : Number.isNaN(age) ? Infinity : age
}

function limitParameter(maxSessions: number): number | null {
  return Number.isFinite(maxSessions) ? maxSessions : null
}
