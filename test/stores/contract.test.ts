import { randomUUID } from 'node:crypto'
import t from 'tap'
import { storeContract } from '../../plugin/stores/contract.ts'
import type { OpenStore } from '../../plugin/stores/contract.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import type { RevokedSession, SessionRow, SessionStore } from '../../plugin/stores/session-store.ts'
import { noticed } from './noticed.ts'

t.setTimeout(600_000)

/** Mistakes that a first store of one's own often has. `noticed.ts` lists the cases that detect each. */
const mistakes: Record<string, (store: SessionStore) => Partial<SessionStore>> = {
  'no mistake': () => ({}),
  'no mistake, with push'(store) {
    let wake = () => {}
    return {
      subscribe: async (given) => {
        wake = () => given.wake()
      },
      revoke: (id, options) => store.revoke(id, options).finally(wake)
    }
  },
  'newId() makes ids that do not fit into a refresh token': () => ({ newId: () => `shard.${randomUUID()}` }),
  'insert() revokes the sessions in `revoke` in a separate step': (store) => ({
    async insert(session, options) {
      const results = await Promise.all(options.revoke.map((id) => store.revoke(id, options)))
      const inserted = await store.insert(session, { ...options, revoke: [] })
      const revoked = results.map((result) => result.revoked).filter((one): one is RevokedSession => one !== null)
      return inserted.row === null ? inserted : { ...inserted, revoked }
    }
  }),
  'insert() ignores `authenticatedAge`': (store) => ({
    insert: (session, options) => store.insert(session, { ...options, authenticatedAge: undefined })
  }),
  'insert() accepts a `NaN` age': (store) => ({
    insert: (session, options) =>
      store.insert(
        session,
        Number.isNaN(options.authenticatedAge?.()) ? { ...options, authenticatedAge: undefined } : options
      )
  }),
  'insert() ignores `maxSessions`': (store) => ({
    insert: (session, options) => store.insert(session, { ...options, maxSessions: 1e9 })
  }),
  'insert() leaves one session too many': (store) => ({
    insert: (session, options) => store.insert(session, { ...options, maxSessions: options.maxSessions + 1 })
  }),
  'insert() evicts the most recently rotated session': (store) => ({
    async insert(session, options) {
      const { rows } = await store.list({ issuers: options.issuers, sub: session.sub }, { limit: 1e9 })
      const victims = [...rows]
        .sort((a, b) => b.rotatedAt - a.rotatedAt)
        .slice(0, Math.max(0, rows.length + 1 - options.maxSessions))
      const inserted = await store.insert(session, {
        ...options,
        maxSessions: 1e9,
        revoke: [...options.revoke, ...victims.map(({ id }) => id)]
      })
      return inserted.row === null ? inserted : { ...inserted, revoked: [], evicted: inserted.revoked }
    }
  }),
  'insert() counts the sessions of all issuers': (store) => ({
    insert: (session, options) =>
      store.insert(session, { ...options, issuers: [...options.issuers, 'https://other.example'] })
  }),
  'insert() ignores `revokeOthers`': (store) => ({
    insert: (session, options) => store.insert(session, { ...options, revokeOthers: false })
  }),
  'insert() with `revokeOthers` lists and revokes': (store) => ({
    async insert(session, options) {
      if (!options.revokeOthers) return await store.insert(session, options)
      const { rows } = await store.list({ issuers: options.issuers, sub: session.sub }, { limit: 1000 })
      return await store.insert(session, {
        ...options,
        revokeOthers: false,
        revoke: [...options.revoke, ...rows.map(({ id }) => id)]
      })
    }
  }),
  'insert() copies claims by assignment': (store) => ({
    // Assigning `__proto__` sets the prototype; spreading would define a member.
    insert: (session, options) => store.insert({ ...session, claims: Object.assign({}, session.claims) }, options)
  }),
  'insert() keeps only the details that it knows': (store) => ({
    insert: (session, options) =>
      store.insert({ ...session, details: { persistent: session.details.persistent } }, options)
  }),
  'insert() does not keep `idleLimitMs`': (store) => ({
    insert: ({ idleLimitMs, idleMs, ...session }, options) =>
      store.insert({ ...session, idleLimitMs: null, idleMs: Math.min(idleMs, idleLimitMs ?? Infinity) }, options)
  }),
  'insert() and list() cut subjects at 255 characters': (store) => ({
    insert: (session, options) => store.insert({ ...session, sub: session.sub.slice(0, 255) }, options),
    list: ({ issuers, sub }, options) => store.list({ issuers, sub: sub.slice(0, 255) }, options)
  }),
  'find() returns the rows that it keeps'(store) {
    const own = new Map<string, SessionRow>()
    return {
      async find(id) {
        const { row, storeTime } = await store.find(id)
        const key = JSON.stringify(row)
        if (row !== null && !own.has(key)) own.set(key, structuredClone(row))
        return { row: row && own.get(key)!, storeTime }
      }
    }
  },
  'rotate() does not compare the generation': (store) => ({
    rotate: async (id, change) => store.rotate(id, { ...change, from: (await store.find(id)).row?.generation ?? 0 })
  }),
  'rotate() compares and writes in two steps': (store) => ({
    async rotate(id, change) {
      let { row, storeTime } = await store.find(id)
      if (row?.generation !== change.from) return { row, storeTime, applied: false }
      for (;;) {
        const write = await store.rotate(id, { ...change, from: row?.generation ?? 0 })
        if (write.applied || write.row?.generation === row?.generation) return write
        row = write.row
      }
    }
  }),
  'rotate() ignores `minAgeMs`': (store) => ({
    rotate: (id, change) => store.rotate(id, { ...change, minAgeMs: 0 })
  }),
  'rotate() requires ten milliseconds more than `minAgeMs`': (store) => ({
    rotate: (id, change) => store.rotate(id, { ...change, minAgeMs: change.minAgeMs + (change.minAgeMs && 10) })
  }),
  'rotate() extends the idle expiry beyond the absolute expiry': (store) => ({
    async rotate(id, change) {
      const { row, storeTime, applied } = await store.rotate(id, change)
      return { row: row && applied ? { ...row, idleExpiresAt: storeTime + change.idleMs } : row, storeTime, applied }
    }
  }),
  'rotate() ignores `idleLimitMs`': (store) => ({
    async rotate(id, change) {
      const { row, storeTime, applied } = await store.rotate(id, change)
      const idleExpiresAt = Math.min(storeTime + change.idleMs, row?.absoluteExpiresAt ?? 0)
      return { row: row && applied ? { ...row, idleExpiresAt } : row, storeTime, applied }
    }
  }),
  'countRetry() ignores `idleLimitMs`': (store) => ({
    async countRetry(id, change) {
      const { row, storeTime, applied } = await store.countRetry(id, change)
      const idleExpiresAt = Math.min(storeTime + change.idleMs, row?.absoluteExpiresAt ?? 0)
      return { row: row && applied ? { ...row, idleExpiresAt } : row, storeTime, applied }
    }
  }),
  'rotate() does not raise `accessLifetimeSeconds`': (store) => ({
    rotate: (id, change) => store.rotate(id, { ...change, accessLifetimeSeconds: 0 })
  }),
  'countRetry() does not raise `accessLifetimeSeconds`': (store) => ({
    countRetry: (id, change) => store.countRetry(id, { ...change, accessLifetimeSeconds: 0 })
  }),
  'countRetry() does not compare the retries': (store) => ({
    countRetry: async (id, change) =>
      store.countRetry(id, { ...change, retries: (await store.find(id)).row?.retries ?? [] })
  }),
  'countRepeat() counts one generation repeatedly': (store) => ({
    countRepeat: async (id, change) => ({
      ...(await store.countRepeat(id, change)),
      applied: (await store.find(id)).row?.revokedAt === null
    })
  }),
  'countRepeat() does not compare the generation': (store) => ({
    countRepeat: async (id, change) =>
      store.countRepeat(id, { ...change, generation: (await store.find(id)).row?.generation ?? 0 })
  }),
  'revoke() ignores `sub`': (store) => ({ revoke: (id, { sub, ...options }) => store.revoke(id, options) }),
  'revoke() ignores `issuers`': (store) => ({
    revoke: (id, { issuers, ...options }) => store.revoke(id, options)
  }),
  'revoke() returns `null` for a session that was revoked before': (store) => ({
    async revoke(id, options) {
      const { row, storeTime } = await store.find(id)
      return row?.revokedAt === null ? await store.revoke(id, options) : { revoked: null, storeTime }
    }
  }),
  'revokeAll() ignores `except`': (store) => ({
    revokeAll: (subject, { except, ...options }) => store.revokeAll(subject, options)
  }),
  'revokeAll() ignores `issuers`': (store) => ({
    revokeAll: ({ issuers, sub }, options) =>
      store.revokeAll({ issuers: [...issuers, 'https://other.example'], sub }, options)
  }),
  'revokeAll() revokes only one batch': (store) => ({
    async revokeAll(subject, { except, lifetimeSeconds }) {
      const { rows, storeTime } = await store.list(subject, { limit: 1000 })
      const results = await Promise.all(
        rows.filter(({ id }) => id !== except).map(({ id }) => store.revoke(id, { lifetimeSeconds }))
      )
      return {
        revoked: results.map((result) => result.revoked).filter((one): one is RevokedSession => one !== null),
        more: true,
        storeTime
      }
    }
  }),
  'trim() does nothing': (store) => ({
    trim: async () => ({ revoked: [], more: false, storeTime: (await store.find('')).storeTime })
  }),
  'list() returns the newest session first': (store) => ({
    async list(subject, options) {
      const { rows, storeTime } = await store.list(subject, options)
      return { rows: rows.toReversed(), storeTime }
    }
  }),
  'list() ignores `limit`': (store) => ({ list: (subject) => store.list(subject, { limit: 1e9 }) }),
  'appendRevocations() keeps the first `until`'(store) {
    const known = new Set<string>()
    return {
      async appendRevocations(entries, options) {
        const fresh = entries.filter(({ kind, id }) => !known.has(kind + id))
        for (const { kind, id } of fresh) known.add(kind + id)
        return await store.appendRevocations(fresh, options)
      }
    }
  },
  'appendRevocations() does not revoke the sessions of its entries': (store) => ({
    appendRevocations: (entries, options) =>
      store.appendRevocations(
        entries.map((entry) => (entry.kind === 'session' ? { ...entry, id: `${entry.id}?` } : entry)),
        options
      )
  }),
  'readRevocations() always resumes': (store) => ({
    readRevocations: async (cursor, limit) => ({ ...(await store.readRevocations(cursor, limit)), resumed: true })
  }),
  'readRevocations() leaves out sessions': (store) => ({
    async readRevocations(cursor, limit) {
      const page = await store.readRevocations(cursor, limit)
      return { ...page, entries: page.entries.filter(({ kind }) => kind !== 'session') }
    }
  }),
  'readRevocations() always sets `more` to false': (store) => ({
    readRevocations: async (cursor, limit) => ({ ...(await store.readRevocations(cursor, limit)), more: false })
  }),
  'sweep() does nothing': () => ({ sweep: async () => 0 })
}

t.test('storeContract() detects each typical mistake of a first store by the listed cases', async (t) => {
  t.strictSame(Object.keys(mistakes), Object.keys(noticed))
  for (const [mistake, make] of Object.entries(mistakes)) {
    const failed: string[] = []
    let now = Date.now()
    const open = async (): Promise<OpenStore> => {
      const store = memoryStore({ clock: () => ++now })
      return { store: { ...store, ...make(store) }, async close() {} }
    }
    for (const { name, run } of storeContract(open)) await run().catch(() => failed.push(name))
    t.strictSame(failed, noticed[mistake], mistake)
  }
})
