import { maxBatch, wholeMilliseconds } from '../session-store.ts'
import type { CompareAndSetResult, Revocation, SessionStore } from '../session-store.ts'
import { onClient, within } from './driver.ts'
import type { Limits, PostgresPool } from './driver.ts'
import { unusable } from './errors.ts'
import { createPreparation } from './preparation.ts'
import { createPush } from './push.ts'
import { toEntry, toRevoked, toRow, toTime } from './rows.ts'
import type { Columns } from './rows.ts'
import { createStatements } from './statements.ts'

const defaults: Limits = {
  // Below the 2 s after which a refresh is a 503, above what the server itself waits for one lock.
  callMs: 1900,
  // Nobody waits for it, and a database under load may be slow with a batch: it must get on nevertheless.
  sweepMs: 15_000,
  migrationMs: 600_000,
  pushMs: 2000,
  // Three attempts have to end before the start of an application goes on without its store (5 s).
  passwordRetryMs: 1000
}

/** How many entries one transaction of `appendRevocations()` writes: others wait for the log that long. */
const appendBatch = 2500

/** The store behind `postgresStore()`, whose limits a test can shorten. */
export function createPostgresStore(
  pool: PostgresPool,
  options: { schema: string; limits?: Partial<Limits> }
): SessionStore {
  const { schema } = options
  const limits = { ...defaults, ...options.limits }
  const sql = createStatements(`"${schema}"`)
  const push = createPush(pool, { channel: `${schema}.auth_feed`, responseMs: limits.pushMs })
  const preparation = createPreparation(pool, { schema, limits })
  let closed = false

  /** The values are asked for when there is a client: an age would grow old while one is waited for. */
  const query = (text: string, values = (): unknown[] => [], ms = limits.callMs) =>
    within(ms, async (late) => {
      await Promise.race([preparation.once(), late])
      const { rows } = await onClient(pool, late, (client) => client.query(text, values()))
      return rows as Columns[]
    })

  async function queryOne(text: string, values?: () => unknown[], ms?: number): Promise<Columns> {
    const [columns] = await query(text, values, ms)
    return columns!
  }

  async function compareAndSet(text: string, values: unknown[]): Promise<CompareAndSetResult> {
    const columns = await queryOne(text, () => values)
    return { row: toRow(columns), storeTime: toTime(columns), applied: columns.applied === true }
  }

  async function append(entries: readonly Revocation[], lifetimeSeconds: number) {
    const [kinds, ids, untils] = [
      entries.map(({ kind }) => kind),
      entries.map(({ id }) => id),
      entries.map(({ until }) => wholeMilliseconds(until))
    ]
    return { storeTime: toTime(await queryOne(sql.append, () => [kinds, ids, untils, lifetimeSeconds])) }
  }

  return {
    async prepare() {
      await preparation.prepare()
      try {
        return { storeTime: toTime(await queryOne(sql.time)) }
      } catch (error) {
        throw unusable(error) ?? error
      }
    },

    async insert(session, { issuers, revoke, revokeOthers = false, maxSessions, authenticatedAge, lifetimeSeconds }) {
      const { id, issuer, sub, sessionKey, device, scope, claims, accessLifetimeSeconds, idleMs, absoluteMs } = session
      const columns = await queryOne(sql.insert, () => [
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
        limitOf(maxSessions),
        toAge(authenticatedAge?.()),
        lifetimeSeconds,
        maxBatch
      ])
      const row = toRow(columns)
      const storeTime = toTime(columns)
      if (row === null) return { row, storeTime }
      const { revoked, evicted, more } = columns
      return { row, storeTime, revoked: toRevoked(revoked), evicted: toRevoked(evicted), more: more === true }
    },

    async find(id) {
      const columns = await queryOne(sql.find, () => [id])
      return { row: toRow(columns), storeTime: toTime(columns) }
    },

    rotate: (id, { from, to, minAgeMs, idleMs, accessLifetimeSeconds }) =>
      compareAndSet(sql.rotate, [id, from, to, minAgeMs, idleMs, accessLifetimeSeconds]),

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
      const columns = await queryOne(sql.revoke, () => [id, issuers, sub, lifetimeSeconds])
      const revoked = columns.sub === null ? null : { id, sub: String(columns.sub), until: Number(columns.until) }
      return { revoked, storeTime: toTime(columns) }
    },

    async revokeAll({ issuers, sub }, { except = null, lifetimeSeconds }) {
      const columns = await queryOne(sql.revokeAll, () => [issuers, sub, except, lifetimeSeconds, maxBatch])
      return { revoked: toRevoked(columns.revoked), more: columns.more === true, storeTime: toTime(columns) }
    },

    async trim({ issuers, sub }, { maxSessions, lifetimeSeconds }) {
      const columns = await queryOne(sql.trim, () => [issuers, sub, limitOf(maxSessions), lifetimeSeconds, maxBatch])
      const revoked = [...toRevoked(columns.revoked), ...toRevoked(columns.evicted)]
      return { revoked, more: columns.more === true, storeTime: toTime(columns) }
    },

    async list({ issuers, sub }, { limit }) {
      const found = await query(sql.list, () => [issuers, sub, limit])
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
      const { number, nonce } = parseCursor(cursor)
      const found = await query(sql.readRevocations, () => [number, nonce, limit + 1])
      const resumed = found[0]!.resumed === true
      const page = found.filter((columns) => columns.number !== null).slice(0, limit)
      const last = page.at(-1)
      return {
        entries: page.map(toEntry),
        cursor: last === undefined ? (resumed && cursor !== null ? cursor : '0.') : `${last.number}.${last.mark}`,
        more: found.length > limit,
        resumed,
        storeTime: toTime(found[0]!)
      }
    },

    subscribe: (wake) => push.subscribe(wake),

    async sweep() {
      let total = 0
      let from: unknown[] = [0, 0]
      for (let more = true; more;) {
        const values = [...from, maxBatch]
        const columns = await queryOne(sql.sweep, () => values, limits.sweepMs)
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

/** A number that is not a time proves nothing: as old as can be. */
function toAge(age: number | undefined): number | null {
  return age === undefined ? null : Number.isNaN(age) ? Infinity : age
}

function limitOf(maxSessions: number): number | null {
  return Number.isFinite(maxSessions) ? maxSessions : null
}

/** `0.` is the cursor of an empty log: everything comes after it. No entry has the number -1. */
function parseCursor(cursor: string | null) {
  if (cursor === null || cursor === '0.') return { number: '0', nonce: null }
  const [, number = '-1', nonce = null] = /^(\d{1,18})\.([\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})$/.exec(cursor) ?? []
  return { number, nonce }
}
