import assert from 'node:assert/strict'
import { revokedUntil } from '../store.ts'
import type { SessionRow } from '../store.ts'
import { assertDead, ending, idsOf, oddTexts, random, readAll, rotation, rowOf, start, timeOf, times } from './stage.ts'
import type { Cases } from './stage.ts'

/** How sessions end: `revoke()` and `revokeAll()`. */
export const revokeCases: Cases = {
  'revoke() ends one session and feeds it, for as long as its longest access token': async ({ store, other }) => {
    for (const [lifetimeSeconds, accessLifetimeSeconds] of [[600, 10], [10, 600]] as const) {
      const row = await start(store, { accessLifetimeSeconds })
      const ended = await store.revoke(row.id, { lifetimeSeconds })
      const revoked = await rowOf(other, row)
      assert.ok(revoked.revokedAt !== null && revoked.revokedAt >= row.createdAt, 'the session was not ended')
      assert.deepEqual(revoked, { ...row, revokedAt: revoked.revokedAt })
      const until = revoked.revokedAt + 600_000 + 60_000
      assert.deepEqual(ended, { id: row.id, sub: row.sub, until })
      assert.deepEqual((await readAll(other)).entries.at(-1), { kind: 'session', id: row.id, until })
    }
  },

  'revoke() has nothing to say of an unknown session, and feeds nothing': async ({ store }) => {
    await start(store, { id: 'a' })
    for (const id of ['', ...oddTexts.filter((text) => text !== 'a')]) assert.equal(await store.revoke(id, ending), null)
    assert.deepEqual((await readAll(store)).entries, [])
  },

  'revoke() with `sub` ends only that subject\'s session': async ({ store, other }) => {
    const row = await start(store)
    for (const sub of ['', random(), row.sub.slice(1), `${row.sub} `]) assert.equal(await store.revoke(row.id, { ...ending, sub }), null)
    assert.deepEqual(await rowOf(other, row), row)
    assert.deepEqual((await readAll(other)).entries, [])
    assert.equal((await store.revoke(row.id, { ...ending, sub: row.sub }))?.id, row.id)
    assert.equal(await store.revoke(row.id, { ...ending, sub: random() }), null)
  },

  'revoke() answers again with the first `until`': async ({ store, other }) => {
    const row = await start(store)
    const ended = await store.revoke(row.id, ending)
    const revoked = await rowOf(other, row)
    const again = await Promise.all(times(10, (index) => [store, other][index % 2]!.revoke(row.id, { lifetimeSeconds: 900 + index })))
    for (const answer of again) assert.deepEqual(answer, ended)
    assert.deepEqual(await rowOf(other, row), revoked)
    assert.deepEqual((await readAll(other)).entries, [{ kind: 'session', id: row.id, until: ended?.until }])
  },

  'revoke() ends once when 20 come together': async ({ store, other }) => {
    const row = await start(store)
    const answers = await Promise.all(times(20, (index) => [store, other][index % 2]!.revoke(row.id, { lifetimeSeconds: 600 + index })))
    for (const answer of answers) assert.deepEqual(answer, answers[0])
    assert.deepEqual((await readAll(other)).entries, [{ kind: 'session', id: row.id, until: answers[0]?.until }])
  },

  'revoke() feeds its own `until`, though the feed has an earlier one that readers have read': async ({ store, other }) => {
    const row = await start(store)
    await store.feed([{ kind: 'session', id: row.id, until: await timeOf(store) + 1000 }])
    const { cursor } = await readAll(other)
    const ended = await store.revoke(row.id, ending)
    const next = await readAll(other, cursor)
    const { entries } = next.resumed ? next : await readAll(other)
    assert.equal(Math.max(...entries.map(({ until }) => until)), ended?.until)
  },

  'revokeAll() ends and feeds all live sessions of a subject but `except`': async ({ store, other }) => {
    const sub = random()
    const [a, b, kept, before] = await Promise.all(times(4, () => start(store, { sub })))
    await start(store, { sub, idleMs: 0 })
    const theirs = await start(store)
    await store.revoke(before!.id, ending)
    const ended = await other.revokeAll(sub, { except: kept!.id, lifetimeSeconds: 900 })
    assert.deepEqual(idsOf(ended), idsOf([a!, b!]))
    for (const { id, sub: whose, until } of ended) {
      const row = await rowOf(store, { id })
      assert.equal(whose, sub)
      assert.equal(until, revokedUntil(row.revokedAt!, row, 900))
    }
    assert.deepEqual(idsOf((await readAll(store)).entries), idsOf([a!, b!, before!]))
    assert.deepEqual(await store.list(sub), [kept])
    assert.deepEqual(await store.list(theirs.sub), [theirs])
    assert.deepEqual(idsOf(await store.revokeAll(sub, { except: theirs.id, ...ending })), [kept!.id])
    assert.deepEqual(await store.revokeAll(sub, ending), [])
    assert.deepEqual(await store.revokeAll(random(), ending), [])
  },

  'revokeAll() against rotate(): none of the sessions lives on': async ({ store, other }) => {
    const sub = random()
    const rows = await Promise.all(times(20, () => start(store, { sub })))
    const rotate = ({ id }: SessionRow) => store.rotate(id, rotation)
    await Promise.all([...rows.slice(10).map(rotate), other.revokeAll(sub, ending), ...rows.slice(0, 10).map(rotate)])
    for (const row of rows) await assertDead(other, row)
    assert.deepEqual(await other.list(sub), [])
    assert.deepEqual(idsOf((await readAll(other)).entries), idsOf(rows))
  }
}
