import { maxBatch, wholeMilliseconds } from './session-store.ts'
import type { CompareAndSetResult, NewSession, Revocation, SessionStore } from './session-store.ts'
import { createDriver } from './sqlite/driver.ts'
import type { SqliteDatabase, SqliteStatement } from './sqlite/driver.ts'
import { setUpError } from './sqlite/errors.ts'
import { createFileCheck, pathOf } from './sqlite/file.ts'
import { assertDatabase, checkOptions } from './sqlite/options.ts'
import type { SqliteStoreOptions } from './sqlite/options.ts'
import { createRevocationLog } from './sqlite/revocation-log.ts'
import { bindSubject, createRevoking } from './sqlite/revoking.ts'
import { text, toNumber, toRow } from './sqlite/rows.ts'
import { migrate, setUp } from './sqlite/schema.ts'
import { prepareStatements } from './sqlite/statements.ts'
import { sweep } from './sqlite/sweep.ts'

export type { SqliteDatabase } from './sqlite/driver.ts'
export type { SqliteStoreOptions } from './sqlite/options.ts'

type Change = { readonly id: string; readonly now: number } & Parameters<SqliteStatement['get']>[0]

/** How many entries one transaction of `appendRevocations()` adds: about 10 ms. */
const entriesAtOnce = 500

/**
 * Keeps sessions in a SQLite file, which the application may use for its own tables too.
 *
 * Guarantees all that {@link SessionStore} promises, for all processes of one machine that have the file open. What a
 * call returns is on the disk: it sets `journal_mode=WAL` and `synchronous=FULL`. It creates its tables (`auth_…`) at
 * once, also when several processes start together; `busy_timeout` is set only where it is 0.
 *
 * Calls block the process while they write themselves, a few milliseconds at a time. They do not block it while another
 * process writes: then they wait in order, and reject after 1.8 s. When the file is deleted or replaced, calls reject
 * until it is put back or the process is restarted.
 *
 * It is **not** for files on a network drive. While the application has a transaction open on this connection (across
 * an `await`), calls reject and touch nothing: give the store a connection of its own then. Calls with U+0000 in `id`,
 * `issuer` or `sub` reject. It never closes the client.
 *
 * ```ts
 * import { DatabaseSync } from 'node:sqlite'
 * await app.register(authenticate, { issuer, secret, store: sqliteStore(new DatabaseSync('auth.db')) })
 * ```
 *
 * @throws TypeError where it is given no open client, or a wrong option
 * @throws UnusableStoreError where the file cannot be written, is not a database, or needs a newer fastify-authenticate
 */
export function sqliteStore(database: SqliteDatabase, options: SqliteStoreOptions = {}): SessionStore {
  assertDatabase(database)
  const { prefix, clock, limitMs } = checkOptions(options)
  const path = pathOf(database)
  try {
    setUp(database, { prefix, now: clock() })
  } catch (error) {
    throw setUpError(error, path)
  }
  const { read, write, idle } = createDriver(database, { limitMs, assertUsable: createFileCheck(path) })
  const statements = prepareStatements(database, prefix)
  const log = createRevocationLog(statements)
  const { revoke, raise, logBehind, evict } = createRevoking(statements, log)

  const find = (id: string) => toRow(statements.find.get({ id }))

  /** Every compare-and-set: the statement changes and returns the row only where it is live and fits. */
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

    // Whatever is read of the caller's objects is read before the first wait: they may change meanwhile.
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
        if (revokeOthers) raise(subject, { now })
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
        const isMeant =
          found !== null &&
          (sub === undefined || found.row.sub === sub) &&
          (allowed === undefined || allowed.includes(found.row.issuer))
        if (!isMeant) return { revoked: null, storeTime: now }
        const { row, revokedUntil: until } = found
        const revoked = until === null ? revoke(found, { now, lifetimeSeconds }) : { id, sub: row.sub, until }
        return { revoked, storeTime: now }
      })
    },

    revokeAll: async (given, { except, lifetimeSeconds }) => {
      const subject = bindSubject(given)
      return await write(() => {
        const now = clock()
        raise(subject, { now, except })
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
        id: text(id),
        until: wholeMilliseconds(until)
      }))
      let storeTime: number
      do {
        const batch = entries.splice(0, entriesAtOnce)
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

    sweep: () => sweep({ write, statements, clock }),

    close: idle
  }
}

function bindSession(session: NewSession) {
  const { id, issuer, sub, sessionKey, device, scope, accessLifetimeSeconds, idleMs, absoluteMs } = session
  const claims = JSON.stringify(session.claims)
  return {
    id: text(id),
    issuer: text(issuer),
    sub,
    salt: sessionKey,
    device,
    scope,
    claims,
    accessLifetimeSeconds,
    idleMs,
    absoluteMs
  }
}
