import { maxBatch, wholeMilliseconds } from '../session-store.ts'
import type { CompareAndSetResult, Revocation, SessionStore } from '../session-store.ts'
import { createDriver } from './driver.ts'
import type { SqliteDatabase, SqliteStatement } from './database.ts'
import { setUpError } from './errors.ts'
import { createFileCheck, pathOf } from './file.ts'
import { createRevocationLog } from './revocation-log.ts'
import { createRevoking } from './revoking.ts'
import { bindSession, bindSubject, checkedText, toNumber, toRevoked, toRow } from './rows.ts'
import { migrate, setUp } from './schema.ts'
import { prepareStatements } from './statements.ts'
import { sweep } from './sweep.ts'

type Change = { readonly id: string; readonly now: number } & Parameters<SqliteStatement['get']>[0]

interface StoreParts {
  readonly prefix: string
  readonly clock: () => number
  /** How long a call waits for its turn. */
  readonly timeoutMs?: number | undefined
}

/** How many entries one transaction of `appendRevocations()` adds: about 10 ms. */
const appendBatch = 500

/** The store behind `sqliteStore()`. Tests shorten its time limit. */
export function createSqliteStore(database: SqliteDatabase, { prefix, clock, timeoutMs }: StoreParts): SessionStore {
  const path = pathOf(database)
  try {
    setUp(database, { prefix, now: clock() })
  } catch (error) {
    throw setUpError(error, path)
  }
  const { read, write, checkpoint, idle } = createDriver(database, { timeoutMs, assertUsable: createFileCheck(path) })
  const statements = prepareStatements(database, prefix)
  const log = createRevocationLog(statements)
  const { revoke, raiseCounter, logBehind, evict } = createRevoking(statements, log)

  const find = (id: string) => toRow(statements.find.get({ id }))

  /** The statement changes and returns the row only if it is live and as expected. */
  function compareAndSet(statement: SqliteStatement, change: Change): CompareAndSetResult {
    const changed = toRow(statement.get(change))
    return { row: (changed ?? find(change.id))?.row ?? null, storeTime: change.now, applied: changed !== null }
  }

  return {
    async prepare() {
      try {
        await write(() => migrate(database, { prefix, now: clock() }))
        return { storeTime: clock() }
      } catch (error) {
        throw setUpError(error, path)
      }
    },

    // Reads the caller's objects before the first `await`, because the caller may change them.
    async insert(session, { issuers, revoke: named, maxSessions, lifetimeSeconds, ...options }) {
      const { revokeOthers = false, authenticatedAge } = options
      const subject = bindSubject({ issuers, sub: session.sub })
      const bindings = bindSession(session)
      const ids = [...new Set(named)]
      return await write(() => {
        const now = clock()
        const moment = { now, lifetimeSeconds }
        if (find(bindings.id) !== null) throw new Error('Cannot insert the session: its id exists')
        if (authenticatedAge !== undefined) {
          const revokedAllAt = toNumber(statements.revokedAllAt.get({ ...subject })) ?? -Infinity
          if (!(revokedAllAt < now - authenticatedAge())) {
            statements.correctRevokedAllAt.run({ ...subject, now })
            return { row: null, storeTime: now }
          }
        }
        const revoked = ids
          .map(find)
          .filter((found) => found !== null && found.revokedUntil === null)
          .map((found) => revoke(found!, moment))
        if (revokeOthers) raiseCounter(subject, { now })
        const others = revokeOthers ? logBehind(subject, moment) : { revoked: [], more: false }
        const room = { maxSessions: maxSessions - 1, atMost: maxBatch - others.revoked.length }
        const evicted = evict(subject, { ...moment, ...room })
        statements.insert.run({ ...bindings, now })
        return {
          row: find(bindings.id)!.row,
          storeTime: now,
          revoked: [...revoked, ...others.revoked],
          evicted: evicted.revoked,
          more: others.more || evicted.more
        }
      })
    },

    find: async (id) => await read(() => ({ row: find(id)?.row ?? null, storeTime: clock() })),

    rotate: async (id, { from, to, minAgeMs, idleMs, accessLifetimeSeconds }) =>
      await write(() =>
        compareAndSet(statements.rotate, { id, from, to, minAgeMs, idleMs, accessLifetimeSeconds, now: clock() })
      ),

    countRetry: async (id, { generation, retries: given, keepRetries, idleMs, accessLifetimeSeconds }) => {
      const [retries, kept] = [JSON.stringify(given), [...keepRetries]]
      return await write(() => {
        const now = clock()
        const counted = JSON.stringify([...kept, now])
        const change = { generation, retries, counted, idleMs, accessLifetimeSeconds }
        return compareAndSet(statements.countRetry, { id, ...change, now })
      })
    },

    countRepeat: async (id, { generation, repeated, streak }) =>
      await write(() => compareAndSet(statements.countRepeat, { id, generation, repeated, streak, now: clock() })),

    revoke: async (id, { sub, issuers, lifetimeSeconds }) => {
      const allowed = issuers && [...issuers]
      return await write(() => {
        const now = clock()
        const found = find(id)
        const isAllowed =
          found !== null &&
          (sub === undefined || found.row.sub === sub) &&
          (allowed === undefined || allowed.includes(found.row.issuer))
        if (!isAllowed) return { revoked: null, storeTime: now }
        return { revoked: toRevoked(found) ?? revoke(found, { now, lifetimeSeconds }), storeTime: now }
      })
    },

    revokeAll: async (given, { except, lifetimeSeconds }) => {
      const subject = bindSubject(given)
      return await write(() => {
        const now = clock()
        raiseCounter(subject, { now, except })
        return { ...logBehind(subject, { now, lifetimeSeconds }), storeTime: now }
      })
    },

    trim: async (given, { maxSessions, lifetimeSeconds }) => {
      const subject = bindSubject(given)
      return await write(() => {
        const moment = { now: clock(), lifetimeSeconds }
        const behind = logBehind(subject, moment)
        const evicted = evict(subject, { ...moment, maxSessions, atMost: maxBatch - behind.revoked.length })
        const revoked = [...behind.revoked, ...evicted.revoked]
        return { revoked, more: behind.more || evicted.more, storeTime: moment.now }
      })
    },

    list: async (given, { limit }) => {
      const subject = bindSubject(given)
      return await read(() => {
        const now = clock()
        const rows = statements.list.all({ ...subject, now, limit }).map((columns) => toRow(columns)!.row)
        return { rows, storeTime: now }
      })
    },

    appendRevocations: async (given, { lifetimeSeconds }) => {
      const entries = given.map(({ kind, id, until }): Revocation => ({
        kind,
        id: checkedText(id),
        until: wholeMilliseconds(until)
      }))
      let storeTime: number
      do {
        const batch = entries.splice(0, appendBatch)
        storeTime = await write(() => {
          const now = clock()
          for (const entry of batch) {
            const found = entry.kind === 'session' ? find(entry.id) : null
            if (found?.revokedUntil === null) revoke(found, { now, lifetimeSeconds, atLeast: entry.until })
            else log.append(entry)
          }
          return now
        })
      } while (entries.length > 0)
      return { storeTime }
    },

    readRevocations: async (cursor, limit) => await read(() => ({ ...log.read(cursor, limit), storeTime: clock() })),

    sweep: () => sweep({ write, checkpoint, statements, clock }),

    close: idle
  }
}
