import assert from 'node:assert/strict'
import { maxBatch } from '../session-store.ts'
import type { SessionRow } from '../session-store.ts'
import {
  idsOf,
  insert,
  insertOptions,
  lifetime,
  list,
  newSession,
  nextMillisecond,
  randomText,
  readAll,
  rotation,
  rowOf,
  start,
  startMany,
  subject,
  times,
  trimAll
} from './fixtures.ts'
import type { Cases } from './fixtures.ts'

/** `insert()` and `trim()` with `maxSessions`. */
export const maxSessionsCases: Cases = {
  'insert() with `maxSessions: Infinity` revokes nothing': async ({ store }) => {
    const sub = randomText()
    await start(store, { sub })
    const { row, ...rest } = (await store.insert(newSession(store, { sub }), {
      ...insertOptions,
      maxSessions: Infinity
    })) as {
      row: SessionRow | null
      storeTime?: number
    }
    delete rest.storeTime
    assert.ok(row)
    assert.deepEqual(rest, { revoked: [], evicted: [], more: false })
  },

  'insert() evicts the least recently rotated sessions beyond `maxSessions`, and only of this subject': async ({
    store,
    other
  }) => {
    const sub = randomText()
    const rows: SessionRow[] = []
    for (let count = 0; count < 4; count++) rows.push(await start(store, { sub }))
    await start(store, { sub, idleMs: 0 })
    const ended = await start(store, { sub })
    await store.revoke(ended.id, lifetime)
    const [theirs, elsewhere] = [await start(store), await start(store, { sub, issuer: 'https://other.example' })]
    await nextMillisecond(store, sub)
    await store.rotate(rows[0]!.id, rotation)
    const full = await insert(store, { session: newSession(store, { sub }), maxSessions: 5 })
    assert.deepEqual([full.evicted, full.revoked], [[], []])
    const { evicted, row, more } = await insert(other, { session: newSession(store, { sub }), maxSessions: 3 })
    assert.equal(more, false)
    assert.equal(evicted.length, 3)
    const live = await list(store, sub)
    assert.deepEqual([live.length, live.some(({ id }) => id === row.id)], [3, true])
    for (const { id } of evicted) {
      const { rotatedAt, revokedAt } = await rowOf(store, { id })
      assert.notEqual(revokedAt, null)
      for (const kept of live) assert.ok(rotatedAt <= kept.rotatedAt, 'a more recently rotated session was evicted')
    }
    assert.deepEqual(await list(store, theirs.sub), [theirs])
    assert.equal((await rowOf(store, elsewhere)).revokedAt, null)
    assert.deepEqual(idsOf((await readAll(other)).entries), idsOf([ended, ...evicted]))
  },

  'insert() leaves at most `maxSessions` live sessions after 20 concurrent calls': async ({ store, other }) => {
    const sub = randomText()
    await Promise.all(
      times(20, (index) => insert([store, other][index % 2]!, { session: newSession(store, { sub }), maxSessions: 5 }))
    )
    assert.equal((await list(other, sub)).length, 5)
  },

  'insert() evicts at most `maxBatch` sessions in one step, and sets `more` if some are left': async ({
    store,
    other
  }) => {
    const sub = randomText()
    await startMany(store, { sub, count: maxBatch + 5 })
    const { row, evicted, more } = await insert(store, { session: newSession(store, { sub }), maxSessions: 2 })
    assert.deepEqual([evicted.length, more], [maxBatch, true])
    const trimmed = await other.trim(subject(sub), { maxSessions: 2, ...lifetime })
    assert.deepEqual([trimmed.revoked.length, trimmed.more], [4, false])
    const live = await list(other, sub)
    assert.deepEqual([live.length, live.some(({ id }) => id === row.id)], [2, true])
  },

  'trim() revokes at most `maxBatch` sessions in one step, with those that revokeAll() has left': async ({
    store,
    other
  }) => {
    const sub = randomText()
    const before = await startMany(store, { sub, count: maxBatch + 5 })
    const { revoked } = await store.revokeAll(subject(sub), lifetime)
    await nextMillisecond(store, sub)
    const after = await startMany(store, { sub, count: maxBatch + 5 })
    const { revoked: first, more } = await other.trim(subject(sub), { maxSessions: 2, ...lifetime })
    assert.deepEqual([first.length <= maxBatch, more], [true, true])
    const rest = await trimAll(store, { sub, maxSessions: 2 })
    const live = await list(other, sub)
    assert.equal(live.length, 2)
    const ended = idsOf([...revoked, ...first, ...rest])
    assert.equal(
      new Set(ended).size,
      before.length + after.length - live.length,
      'every other session is returned once it is revoked'
    )
  },

  'trim() revokes the least recently rotated sessions beyond `maxSessions`': async ({ store, other }) => {
    const sub = randomText()
    const rows: SessionRow[] = []
    for (let count = 0; count < 6; count++) rows.push(await start(store, { sub }))
    await nextMillisecond(store, sub)
    await store.rotate(rows[0]!.id, rotation)
    assert.deepEqual(await trimAll(store, { sub, maxSessions: 6 }), [])
    const revoked = await trimAll(other, { sub, maxSessions: 3 })
    assert.equal(revoked.length, 3)
    const live = await list(store, sub)
    assert.equal(live.length, 3)
    assert.ok(
      live.some(({ id }) => id === rows[0]!.id),
      'the session that was just rotated was revoked'
    )
    const oldestLeft = Math.min(...live.map(({ rotatedAt }) => rotatedAt))
    for (const { id } of revoked) {
      assert.ok((await rowOf(store, { id })).rotatedAt <= oldestLeft, 'a more recently rotated session was revoked')
    }
    assert.deepEqual(idsOf((await readAll(other)).entries), idsOf(revoked))
  }
}
