import assert from 'node:assert/strict'
import { revokedUntil } from '../store.ts'
import { assertDead, ending, hourMs, idsOf, newSession, oddTexts, random, readAll, rowOf, sorted, start, timeOf, times } from './stage.ts'
import type { Cases } from './stage.ts'

/** How a session starts. */
export const insertCases: Cases = {
  'insert() starts a session with what it was given and the times of the store': async ({ store, other }) => {
    const before = await timeOf(store)
    const { idleMs, absoluteMs, ...given } = newSession({ device: 'Firefox', scope: 'a b', claims: { roles: ['admin'] }, accessLifetimeSeconds: 42 })
    const { row, now, ended } = await store.insert({ ...given, idleMs, absoluteMs }, { end: [], ...ending })
    assert.ok(before <= now && now <= await timeOf(store), 'now is not the time of the store')
    assert.deepEqual(ended, [])
    assert.deepEqual(row, {
      ...given,
      generation: 0,
      createdAt: now,
      rotatedAt: now,
      retries: [],
      idleExpiresAt: now + idleMs,
      absoluteExpiresAt: now + absoluteMs,
      revokedAt: null
    })
    assert.deepEqual(await rowOf(other, given), row)
  },

  'insert() sets no idle expiry later than the absolute one': async ({ store }) => {
    const row = await start(store, { idleMs: 2 * hourMs, absoluteMs: hourMs })
    assert.equal(row.idleExpiresAt, row.absoluteExpiresAt)
    assert.equal(row.absoluteExpiresAt, row.createdAt + hourMs)
  },

  'insert() keeps claims as JSON has them': async ({ store, other }) => {
    const text = '{"__proto__":{"admin":true},"constructor":1,"":"","ü\\u0000\\ud800😀":"\\"\\\\\\n\\u2028","big":9007199254740991,' +
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
      assert.deepEqual(idsOf(await other.list(text)), [text])
    }
    const [first, second, ...rest] = texts
    await store.revoke(first!, ending)
    await store.revokeAll(second!, ending)
    for (const text of rest) assert.deepEqual(idsOf(await other.list(text)), [text])
    for (const text of rest) await store.revoke(text, { ...ending, sub: text })
    assert.deepEqual(idsOf((await readAll(other)).entries), sorted(texts))
  },

  'insert() ends the sessions named in `end`, whoever\'s they are, and feeds them': async ({ store, other }) => {
    const [mine, theirs, kept] = [await start(store, { sub: 'a' }), await start(store, { sub: 'b' }), await start(store, { sub: 'a' })]
    const { row, now, ended } = await store.insert(newSession({ sub: 'a' }), { end: [mine.id, theirs.id, mine.id, random()], ...ending })
    assert.deepEqual(idsOf(ended), idsOf([mine, theirs]))
    for (const { id, sub, until } of ended) {
      const { revokedAt, ...rest } = await rowOf(other, { id })
      assert.equal(revokedAt, now)
      assert.equal(sub, rest.sub)
      assert.equal(until, revokedUntil(now, rest, 600))
    }
    assert.deepEqual(idsOf((await readAll(other)).entries), idsOf(ended))
    assert.deepEqual(idsOf(await other.list('a')), idsOf([kept, row!]))
  },

  'insert() names in `ended` only what it ended itself': async ({ store, other }) => {
    const [before, raced] = [await start(store), await start(store)]
    await store.revoke(before.id, ending)
    const answers = await Promise.all(times(10, (index) =>
      [store, other][index % 2]!.insert(newSession(), { end: [before.id, raced.id], ...ending })))
    assert.deepEqual(answers.flatMap(({ ended }) => ended.map(({ id }) => id)), [raced.id])
  },

  'insert() rejects an id that exists, and then ends nothing': async ({ store, other }) => {
    const [existing, named] = [await start(store), await start(store)]
    await assert.rejects(store.insert(newSession({ id: existing.id }), { end: [named.id], ...ending }))
    assert.deepEqual(await rowOf(other, existing), existing)
    assert.deepEqual(await rowOf(other, named), named)
    assert.deepEqual((await readAll(other)).entries, [])
  },

  'insert() is refused where revokeAll() came after `authenticatedAt`, and then ends nothing': async ({ store, other }) => {
    const sub = random()
    const named = await start(store)
    const authenticatedAt = await timeOf(store) - 1
    await other.revokeAll(sub, ending)
    const session = newSession({ sub })
    const { now, ...refused } = await store.insert(session, { end: [named.id], authenticatedAt, ...ending })
    assert.deepEqual(refused, { row: null, ended: [] })
    assert.ok(now > authenticatedAt)
    assert.equal((await other.find(session.id)).row, null)
    assert.deepEqual(await rowOf(other, named), named)
    assert.deepEqual((await readAll(other)).entries, [])
  },

  'insert() is not refused after the revokeAll(), for another subject, or without `authenticatedAt`': async ({ store, other }) => {
    const sub = random()
    const before = await timeOf(store) - 1
    await start(store, { sub }, { authenticatedAt: before })
    await other.revokeAll(sub, ending)
    await start(store, { sub }, { authenticatedAt: await timeOf(store) })
    await start(store, {}, { authenticatedAt: before })
    await start(store, { sub })
    assert.equal((await other.list(sub)).length, 2)
  },

  'insert() against revokeAll(): no session that was authenticated before outlives it, whichever is first': async ({ store, other }) => {
    await Promise.all(times(20, async (index) => {
      const session = newSession()
      const authenticatedAt = await timeOf(store) - 1
      const insert = () => store.insert(session, { end: [], authenticatedAt, ...ending })
      const revokeAll = () => other.revokeAll(session.sub, ending)
      await Promise.all(index % 2 === 0 ? [insert(), revokeAll()] : [revokeAll(), insert()])
      await assertDead(other, session)
    }))
  }
}
