import assert from 'node:assert/strict'
import { maxBatch, revokedUntil } from '../session-store.ts'
import type { SessionRow, SessionStore } from '../session-store.ts'
import {
  assertNotLive,
  hourMs,
  idsOf,
  insertOptions,
  issuer,
  lifetime,
  list,
  newSession,
  randomText,
  readAll,
  retry,
  revoke,
  rotation,
  rowOf,
  start,
  startMany,
  subject,
  times,
  trimAll
} from './fixtures.ts'
import type { Cases } from './fixtures.ts'

/** `revokeAll()`. */
export const revokeAllCases: Cases = {
  'revokeAll() treats an issuer that is listed twice as one': async ({ store }) => {
    const sub = randomText()
    const [spared, revoked] = [await start(store, { sub }), await start(store, { sub })]
    const result = await store.revokeAll({ issuers: [issuer, issuer], sub }, { except: spared.id, ...lifetime })
    assert.deepEqual(idsOf(result.revoked), [revoked.id])
    assert.equal((await rowOf(store, spared)).revokedAt, null)
  },

  'revokeAll() revokes and logs all live sessions of a subject but the one in `except`': async ({ store, other }) => {
    const sub = randomText()
    const [a, b, kept, before] = await Promise.all(times(4, () => start(store, { sub })))
    await start(store, { sub, idleMs: 0 })
    const theirs = await start(store)
    await store.revoke(before!.id, lifetime)
    const { revoked, more } = await other.revokeAll(subject(sub), { except: kept!.id, lifetimeSeconds: 900 })
    assert.equal(more, false)
    assert.deepEqual(idsOf(revoked), idsOf([a!, b!]))
    for (const { id, sub: whose, until } of revoked) {
      const row = await rowOf(store, { id })
      assert.equal(whose, sub)
      assert.equal(until, revokedUntil(row, { revokedAt: row.revokedAt!, lifetimeSeconds: 900 }))
    }
    assert.deepEqual(idsOf((await readAll(store)).entries), idsOf([a!, b!, before!]))
    assert.deepEqual(await list(store, sub), [kept])
    assert.deepEqual(await list(store, theirs.sub), [theirs])
    assert.deepEqual(idsOf((await store.revokeAll(subject(sub), { except: theirs.id, ...lifetime })).revoked), [
      kept!.id
    ])
    assert.deepEqual((await store.revokeAll(subject(sub), lifetime)).revoked, [])
    assert.deepEqual((await store.revokeAll(subject(randomText()), lifetime)).revoked, [])
    assert.deepEqual(await list(store, theirs.sub), [theirs])
  },

  'revokeAll() affects neither later sessions nor the one in `except`': async ({ store, other }) => {
    const sub = randomText()
    const [spared, ended] = [await start(store, { sub }), await start(store, { sub })]
    await store.revokeAll(subject(sub), { except: spared.id, ...lifetime })
    const later = await start(other, { sub })
    assert.deepEqual(idsOf(await list(store, sub)), idsOf([spared, later]))
    for (const row of [spared, later]) assert.equal((await other.rotate(row.id, rotation)).applied, true)
    assert.equal((await store.rotate(ended.id, rotation)).applied, false)
    await store.revokeAll(subject(sub), { except: ended.id, ...lifetime })
    for (const row of [spared, later, ended]) await assertNotLive(other, row)
    assert.deepEqual(await list(store, sub), [])
  },

  'revokeAll() affects only sessions of the given issuers': async ({ store, other }) => {
    const sub = randomText()
    const [mine, moved] = [await start(store, { sub }), await start(store, { sub, issuer: '' })]
    const theirs = await start(store, { sub, issuer: 'https://other.example' })
    const both = { issuers: [issuer, ''], sub }
    assert.deepEqual(idsOf((await other.list(both, { limit: 10 })).rows), idsOf([mine, moved]))
    assert.deepEqual(idsOf((await store.revokeAll(both, lifetime)).revoked), idsOf([mine, moved]))
    assert.equal((await rowOf(other, theirs)).revokedAt, null)
    assert.equal((await other.rotate(theirs.id, rotation)).applied, true)
  },

  'revokeAll() revokes all sessions in one step, however many there are': async ({ store, other }) => {
    const sub = randomText()
    const rows = await startMany(store, { sub, count: maxBatch + 20 })
    const { revoked, more } = await store.revokeAll(subject(sub), lifetime)
    assert.deepEqual([revoked.length, more], [maxBatch, true])
    assert.deepEqual(await list(other, sub), [])
    const logged = new Set(revoked.map(({ id }) => id))
    const left = rows.filter(({ id }) => !logged.has(id))
    const later = await start(store, { sub })
    for (const row of left) {
      const { row: read } = await other.find(row.id)
      assert.ok(read !== null && read.revokedAt !== null, 'a session is still live after revokeAll()')
      assert.equal((await other.rotate(row.id, rotation)).applied, false)
      assert.equal((await other.countRetry(row.id, retry)).applied, false)
    }
    assert.equal((await revoke(other, { id: left[0]!.id }))?.id, left[0]!.id)
    assert.deepEqual(idsOf(await trimAll(other, { sub, maxSessions: 1000 })), idsOf(left.slice(1)))
    assert.deepEqual(idsOf((await readAll(store, { limit: 1000 })).entries), idsOf(rows))
    assert.deepEqual(idsOf(await list(store, sub)), [later.id])
  },

  'revokeAll() concurrent with rotate(): no session is left live': async ({ store, other }) => {
    const sub = randomText()
    const rows = await Promise.all(times(20, () => start(store, { sub })))
    const rotate = ({ id }: SessionRow) => store.rotate(id, rotation)
    await Promise.all([
      ...rows.slice(10).map(rotate),
      other.revokeAll(subject(sub), lifetime),
      ...rows.slice(0, 10).map(rotate)
    ])
    for (const row of rows) await assertNotLive(other, row)
    assert.deepEqual(await list(other, sub), [])
    assert.deepEqual(idsOf((await readAll(other)).entries), idsOf(rows))
  },

  'revokeAll() concurrent with insert() and `revokeOthers`: at most one session is left live': async ({
    store,
    other
  }) => {
    await Promise.all(
      times(10, async () => {
        const sub = randomText()
        await start(store, { sub })
        const insert = (on: SessionStore) =>
          on.insert(newSession(on, { sub, idleMs: hourMs }), { ...insertOptions, revokeOthers: true })
        await Promise.all([insert(store), insert(other), other.revokeAll(subject(sub), lifetime), insert(store)])
        assert.ok((await list(other, sub)).length <= 1, 'more than one session is live')
      })
    )
  }
}
