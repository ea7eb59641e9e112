import assert from 'node:assert/strict'
import { maxBatch, revokedUntil } from '../session-store.ts'
import {
  idsOf,
  insert,
  insertOptions,
  lifetime,
  list,
  newSession,
  randomText,
  readAll,
  rotation,
  rowOf,
  start,
  startMany,
  subject,
  subjectBeside,
  times
} from './fixtures.ts'
import type { Cases } from './fixtures.ts'

/** `insert()` with `revoke` and `revokeOthers`. */
export const insertRevokeCases: Cases = {
  'insert() revokes and logs the sessions in `revoke`, whichever subject they belong to': async ({ store, other }) => {
    const [mine, theirs, kept] = [
      await start(store, { sub: 'a' }),
      await start(store, { sub: subjectBeside(store, 'a') }),
      await start(store, { sub: 'a' })
    ]
    const { row, storeTime, revoked } = await insert(store, {
      session: newSession(store, { sub: 'a' }),
      revoke: [mine.id, theirs.id, mine.id, randomText()]
    })
    assert.deepEqual(idsOf(revoked), idsOf([mine, theirs]))
    for (const { id, sub, until } of revoked) {
      const { revokedAt, ...rest } = await rowOf(other, { id })
      assert.equal(revokedAt, storeTime)
      assert.equal(sub, rest.sub)
      assert.equal(until, revokedUntil(rest, { revokedAt: storeTime, lifetimeSeconds: 600 }))
    }
    assert.deepEqual(idsOf((await readAll(other)).entries), idsOf(revoked))
    assert.deepEqual(idsOf(await list(other, 'a')), idsOf([kept, row]))
  },

  'insert() lists in `revoked` only the sessions that this call revoked': async ({ store, other }) => {
    const sub = randomText()
    const newBeside = () => newSession(store, { sub: subjectBeside(store, sub) })
    const [before, raced] = [await start(store, { sub }), await start(store, { sub })]
    await store.revoke(before.id, lifetime)
    const results = await Promise.all(
      times(10, (index) => insert([store, other][index % 2]!, { session: newBeside(), revoke: [before.id, raced.id] }))
    )
    assert.deepEqual(
      results.flatMap(({ revoked }) => revoked.map(({ id }) => id)),
      [raced.id]
    )
  },

  'insert() with `revokeOthers` leaves the subject only the new session': async ({ store, other }) => {
    const sub = randomText()
    const [a, b] = [await start(store, { sub }), await start(store, { sub })]
    const theirs = await start(store)
    const elsewhere = await start(store, { sub, issuer: 'https://other.example' })
    const { row, revoked, more } = await insert(store, {
      session: newSession(store, { sub }),
      revokeOthers: true,
      revoke: [a.id]
    })
    assert.deepEqual([idsOf(revoked), more], [idsOf([a, b]), false])
    assert.deepEqual(await list(other, sub), [row])
    assert.equal((await other.rotate(row.id, rotation)).applied, true)
    assert.deepEqual(await list(other, theirs.sub), [theirs])
    assert.equal((await rowOf(other, elsewhere)).revokedAt, null)
    assert.deepEqual(idsOf((await readAll(other)).entries), idsOf([a, b]))
    const late = await store.insert(newSession(store, { sub }), { ...insertOptions, authenticatedAge: () => 60_000 })
    assert.equal(late.row, null)
  },

  'insert() with `revokeOthers` revokes all other sessions in one step, however many there are': async ({
    store,
    other
  }) => {
    const sub = randomText()
    const rows = await startMany(store, { sub, count: maxBatch + 10 })
    const { row, revoked, more } = await insert(store, { session: newSession(store, { sub }), revokeOthers: true })
    assert.deepEqual([revoked.length, more], [maxBatch, true])
    assert.deepEqual(await list(other, sub), [row])
    const logged = new Set(revoked.map(({ id }) => id))
    for (const left of rows.filter(({ id }) => !logged.has(id))) {
      assert.equal((await other.rotate(left.id, rotation)).applied, false)
    }
    const trimmed = await other.trim(subject(sub), { maxSessions: 10, ...lifetime })
    assert.deepEqual([trimmed.revoked.length, trimmed.more], [10, false])
    assert.deepEqual(await list(other, sub), [row])
  }
}
