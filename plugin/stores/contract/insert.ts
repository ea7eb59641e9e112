import assert from 'node:assert/strict'
import { maxBatch, revokedUntil } from '../session-store.ts'
import type { InsertOptions, NewSession, SessionRow, SessionStore } from '../session-store.ts'
import {
  assertDead,
  ending,
  hourMs,
  idsOf,
  inserting,
  list,
  newSession,
  nextMillisecond,
  oddTexts,
  random,
  readAll,
  rotation,
  rowOf,
  sorted,
  start,
  startMany,
  subject,
  timeOf,
  times
} from './fixtures.ts'
import type { Cases } from './fixtures.ts'

/** How a session starts. */
export const insertCases: Cases = {
  'insert() starts a session with what it was given and the times of the store': async ({ store, other }) => {
    const before = await timeOf(store)
    const { idleMs, absoluteMs, ...given } = newSession({
      device: 'Firefox',
      scope: 'a b',
      claims: { roles: ['admin'] },
      accessLifetimeSeconds: 42
    })
    const { storeTime: now, ...inserted } = await store.insert({ ...given, idleMs, absoluteMs }, inserting)
    assert.ok(before <= now && now <= (await timeOf(store)), 'storeTime is not the time of the store')
    const { row, ...rest } = inserted
    assert.deepEqual(rest, { revoked: [], evicted: [], more: false })
    assert.deepEqual(row, {
      ...given,
      generation: 0,
      createdAt: now,
      rotatedAt: now,
      retries: [],
      repeatedGeneration: null,
      repeatStreak: 0,
      idleExpiresAt: now + idleMs,
      absoluteExpiresAt: now + absoluteMs,
      revokedAt: null
    })
    assert.deepEqual(await rowOf(other, given), row)
  },

  'insert() revokes nothing where `maxSessions` is Infinity': async ({ store }) => {
    const sub = random()
    await start(store, { sub })
    const { row, ...rest } = (await store.insert(newSession({ sub }), { ...inserting, maxSessions: Infinity })) as {
      row: SessionRow | null
      storeTime?: number
    }
    delete rest.storeTime
    assert.ok(row)
    assert.deepEqual(rest, { revoked: [], evicted: [], more: false })
  },

  'insert() keeps a subject with U+0000 apart from others, or rejects': async ({ store, other }) => {
    const sub = random()
    await start(store, { sub: `${sub}\0a` }).catch(() => {})
    for (const another of [sub, `${sub}\0b`]) {
      const rows = await list(other, another).catch(() => [])
      assert.deepEqual(rows, [])
    }
  },

  'insert() sets no idle expiry later than the absolute one': async ({ store }) => {
    const row = await start(store, { idleMs: 2 * hourMs, absoluteMs: hourMs })
    assert.equal(row.idleExpiresAt, row.absoluteExpiresAt)
    assert.equal(row.absoluteExpiresAt, row.createdAt + hourMs)
  },

  'insert() keeps claims as JSON has them': async ({ store, other }) => {
    const text =
      '{"__proto__":{"admin":true},"constructor":1,"":"","ü\\u0000\\ud800😀":"\\"\\\\\\n\\u2028","big":9007199254740991,' +
      '"small":-0.1e-7,"no":[null,false,0,"",[],{}],"deep":{"a":[{"b":{"c":[[["d"]]]}}]}}'
    const row = await start(store, { claims: JSON.parse(text) as Record<string, unknown> })
    for (const { claims } of [row, await rowOf(other, row)]) {
      assert.deepEqual(claims, JSON.parse(text))
      assert.ok(Object.hasOwn(claims, '__proto__'), 'the claim "__proto__" is lost')
    }
  },

  'insert() keeps apart ids and subjects that look alike, however odd or long': async ({ store, other }) => {
    const long = 'https://issuer.example/'.repeat(40)
    const texts = [...oddTexts, `${long}1`, `${long}2`]
    for (const text of texts) await start(store, { id: text, sub: text, device: text, scope: text })
    for (const text of texts) {
      const { id, sub, device, scope } = await rowOf(other, { id: text })
      assert.deepEqual([id, sub, device, scope], [text, text, text, text])
      assert.deepEqual(idsOf(await list(other, text)), [text])
    }
    const [first, second, ...rest] = texts
    await store.revoke(first!, ending)
    await store.revokeAll(subject(second!), ending)
    for (const text of rest) assert.deepEqual(idsOf(await list(other, text)), [text])
    for (const text of rest) await store.revoke(text, { ...ending, sub: text })
    assert.deepEqual(idsOf((await readAll(other)).entries), sorted(texts))
  },

  'insert() revokes the sessions named in `revoke`, whoever owns them, and logs them': async ({ store, other }) => {
    const [mine, theirs, kept] = [
      await start(store, { sub: 'a' }),
      await start(store, { sub: 'b' }),
      await start(store, { sub: 'a' })
    ]
    const { row, storeTime, revoked } = await insert(store, newSession({ sub: 'a' }), {
      revoke: [mine.id, theirs.id, mine.id, random()]
    })
    assert.deepEqual(idsOf(revoked), idsOf([mine, theirs]))
    for (const { id, sub, until } of revoked) {
      const { revokedAt, ...rest } = await rowOf(other, { id })
      assert.equal(revokedAt, storeTime)
      assert.equal(sub, rest.sub)
      assert.equal(until, revokedUntil(storeTime, rest, 600))
    }
    assert.deepEqual(idsOf((await readAll(other)).entries), idsOf(revoked))
    assert.deepEqual(idsOf(await list(other, 'a')), idsOf([kept, row]))
  },

  'insert() names in `revoked` only what it revoked itself': async ({ store, other }) => {
    const [before, raced] = [await start(store), await start(store)]
    await store.revoke(before.id, ending)
    const results = await Promise.all(
      times(10, (index) => insert([store, other][index % 2]!, newSession(), { revoke: [before.id, raced.id] }))
    )
    assert.deepEqual(
      results.flatMap(({ revoked }) => revoked.map(({ id }) => id)),
      [raced.id]
    )
  },

  'insert() with `revokeOthers` leaves the subject with the new session alone': async ({ store, other }) => {
    const sub = random()
    const [a, b] = [await start(store, { sub }), await start(store, { sub })]
    const theirs = await start(store)
    const elsewhere = await start(store, { sub, issuer: 'https://other.example' })
    const { row, revoked, more } = await insert(store, newSession({ sub }), { revokeOthers: true, revoke: [a.id] })
    assert.deepEqual([idsOf(revoked), more], [idsOf([a, b]), false])
    assert.deepEqual(await list(other, sub), [row])
    assert.equal((await other.rotate(row.id, rotation)).applied, true)
    assert.deepEqual(await list(other, theirs.sub), [theirs])
    assert.equal((await rowOf(other, elsewhere)).revokedAt, null)
    assert.deepEqual(idsOf((await readAll(other)).entries), idsOf([a, b]))
    const late = await store.insert(newSession({ sub }), { ...inserting, authenticatedAge: () => 60_000 })
    assert.equal(late.row, null)
  },

  'insert() with `revokeOthers` takes effect in one step, however many sessions there are': async ({
    store,
    other
  }) => {
    const sub = random()
    const rows = await startMany(store, sub, maxBatch + 10)
    const { row, revoked, more } = await insert(store, newSession({ sub }), { revokeOthers: true })
    assert.deepEqual([revoked.length, more], [maxBatch, true])
    assert.deepEqual(await list(other, sub), [row])
    const logged = new Set(revoked.map(({ id }) => id))
    for (const left of rows.filter(({ id }) => !logged.has(id))) {
      assert.equal((await other.rotate(left.id, rotation)).applied, false)
    }
    const trimmed = await other.trim(subject(sub), { maxSessions: 10, ...ending })
    assert.deepEqual([trimmed.revoked.length, trimmed.more], [10, false])
    assert.deepEqual(await list(other, sub), [row])
  },

  "insert() evicts the least recently rotated sessions beyond `maxSessions`, and nobody else's": async ({
    store,
    other
  }) => {
    const sub = random()
    const rows: SessionRow[] = []
    for (let count = 0; count < 4; count++) rows.push(await start(store, { sub }))
    await start(store, { sub, idleMs: 0 })
    const ended = await start(store, { sub })
    await store.revoke(ended.id, ending)
    const [theirs, elsewhere] = [await start(store), await start(store, { sub, issuer: 'https://other.example' })]
    await nextMillisecond(store)
    await store.rotate(rows[0]!.id, rotation)
    const full = await insert(store, newSession({ sub }), { maxSessions: 5 })
    assert.deepEqual([full.evicted, full.revoked], [[], []])
    const { evicted, row, more } = await insert(other, newSession({ sub }), { maxSessions: 3 })
    assert.equal(more, false)
    assert.equal(evicted.length, 3)
    const live = await list(store, sub)
    assert.deepEqual([live.length, live.some(({ id }) => id === row.id)], [3, true])
    for (const { id } of evicted) {
      const { rotatedAt, revokedAt } = await rowOf(store, { id })
      assert.notEqual(revokedAt, null)
      for (const kept of live) assert.ok(rotatedAt <= kept.rotatedAt, 'a more recent session was evicted')
    }
    assert.deepEqual(await list(store, theirs.sub), [theirs])
    assert.equal((await rowOf(store, elsewhere)).revokedAt, null)
    assert.deepEqual(idsOf((await readAll(other)).entries), idsOf([ended, ...evicted]))
  },

  'insert() never leaves more than `maxSessions` when 20 come together': async ({ store, other }) => {
    const sub = random()
    await Promise.all(times(20, (index) => start([store, other][index % 2]!, { sub }, { maxSessions: 5 })))
    assert.equal((await list(other, sub)).length, 5)
  },

  'insert() evicts at most a batch in one step, and says that more is left': async ({ store, other }) => {
    const sub = random()
    await startMany(store, sub, maxBatch + 5)
    const { row, evicted, more } = await insert(store, newSession({ sub }), { maxSessions: 2 })
    assert.deepEqual([evicted.length, more], [maxBatch, true])
    const trimmed = await other.trim(subject(sub), { maxSessions: 2, ...ending })
    assert.deepEqual([trimmed.revoked.length, trimmed.more], [4, false])
    const live = await list(other, sub)
    assert.deepEqual([live.length, live.some(({ id }) => id === row.id)], [2, true])
  },

  'insert() rejects an id that exists, and then revokes nothing': async ({ store, other }) => {
    const [existing, named] = [await start(store), await start(store)]
    await assert.rejects(
      store.insert(newSession({ id: existing.id }), { ...inserting, revoke: [named.id], revokeOthers: true })
    )
    assert.deepEqual(await rowOf(other, existing), existing)
    assert.deepEqual(await rowOf(other, named), named)
    assert.deepEqual((await readAll(other)).entries, [])
  },

  'insert() is refused where revokeAll() came after the credential was read, and then revokes nothing': async ({
    store,
    other
  }) => {
    const sub = random()
    const named = await start(store)
    const { storeTime: revokedAllAt } = await other.revokeAll(subject(sub), ending)
    const session = newSession({ sub })
    for (const authenticatedAge of [() => 60_000, () => 0.1 + 60_000, () => NaN, () => Infinity]) {
      const { storeTime, ...refused } = await store.insert(session, {
        ...inserting,
        revoke: [named.id],
        revokeOthers: true,
        authenticatedAge
      })
      assert.deepEqual(refused, { row: null })
      assert.ok(storeTime >= revokedAllAt)
    }
    assert.equal((await other.find(session.id)).row, null)
    assert.deepEqual(await rowOf(other, named), named)
    assert.deepEqual((await readAll(other)).entries, [])
  },

  'insert() is refused for a credential that was read in the very millisecond of revokeAll()': async ({
    store,
    other
  }) => {
    for (let attempt = 0; attempt < 20; attempt++) {
      const sub = random()
      const { storeTime: revokedAllAt } = await other.revokeAll(subject(sub), ending)
      const age = (await timeOf(store)) - revokedAllAt
      const { row, storeTime } = await store.insert(newSession({ sub }), { ...inserting, authenticatedAge: () => age })
      // The age is that of the moment of the revokeAll() only if the clock did not move meanwhile.
      if (storeTime - age === revokedAllAt) assert.equal(row, null)
    }
  },

  'insert() is not refused for a later credential, another subject, or without `authenticatedAge`': async ({
    store,
    other
  }) => {
    const sub = random()
    await start(store, { sub }, { authenticatedAge: () => 60_000 })
    const { storeTime: revokedAllAt } = await other.revokeAll(subject(sub), ending)
    while ((await timeOf(store)) <= revokedAllAt);
    await start(store, { sub }, { authenticatedAge: () => 0 })
    await start(store, {}, { authenticatedAge: () => 60_000 })
    await start(
      store,
      { sub, issuer: 'https://other.example' },
      { issuers: ['https://other.example'], authenticatedAge: () => 60_000 }
    )
    await start(store, { sub })
    assert.equal((await list(other, sub)).length, 2)
  },

  'insert() asks `authenticatedAge` once': async ({ store }) => {
    let asked = 0
    await start(store, {}, { authenticatedAge: () => asked++ })
    assert.equal(asked, 1)
  },

  'insert() against revokeAll(): no session that was authenticated before outlives it, whichever is first': async ({
    store,
    other
  }) => {
    await Promise.all(
      times(20, async (index) => {
        const session = newSession()
        const insertIt = () => store.insert(session, { ...inserting, authenticatedAge: () => 60_000 })
        const revokeAll = () => other.revokeAll(subject(session.sub), ending)
        await Promise.all(index % 2 === 0 ? [insertIt(), revokeAll()] : [revokeAll(), insertIt()])
        await assertDead(other, session)
      })
    )
  }
}

async function insert(store: SessionStore, session: NewSession, options: Partial<InsertOptions>) {
  const result = await store.insert(session, { ...inserting, ...options })
  assert.ok(result.row !== null, 'the session was not inserted')
  return result
}
