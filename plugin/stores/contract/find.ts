import assert from 'node:assert/strict'
import type { SessionRow } from '../session-store.ts'
import {
  assertNotLive,
  idsOf,
  lifetime,
  list,
  newIdOf,
  nextMillisecond,
  oddTexts,
  randomText,
  retry,
  rotation,
  rowOf,
  start,
  subject
} from './fixtures.ts'
import type { Cases } from './fixtures.ts'

/** `find()` and `list()`. */
export const findCases: Cases = {
  'find() returns `row: null` and the time for an unknown id': async ({ store }) => {
    await start(store, { id: newIdOf(store, { sub: 'a', text: 'a' }), sub: 'a' })
    for (const id of ['', ...oddTexts.filter((text) => text !== 'a')]) {
      const { row, storeTime } = await store.find(id)
      assert.equal(row, null)
      assert.ok(Number.isSafeInteger(storeTime), 'storeTime must be whole milliseconds')
    }
  },

  'find() returns an expired session as expired, or not at all': async ({ store }) => {
    await assertNotLive(store, await start(store, { idleMs: 0 }))
    await assertNotLive(store, await start(store, { absoluteMs: 0 }))
  },

  'find(), insert() and list() return rows that cannot be changed from outside': async ({ store }) => {
    const claims = { roles: ['user'] }
    const details = { amr: ['pwd'] }
    const row = await start(store, { claims, details })
    const kept = structuredClone(row)
    const { id } = await start(store)
    await store.countRetry(id, retry)
    const plain = await rowOf(store, { id })
    const keptPlain = structuredClone(plain)
    claims.roles.push('admin')
    details.amr.push('otp')
    const spoil = (given: SessionRow) => {
      const { retries, claims, details } = given as unknown as {
        retries: number[]
        claims: { roles: string[] }
        details: { amr: string[] }
      }
      for (const change of [
        () => Object.assign(given, { generation: 9 }),
        () => retries.push(1),
        () => claims.roles.push('admin'),
        () => details.amr.push('otp'),
        () => Object.assign(claims, { admin: true }),
        () => Object.assign(details, { admin: true })
      ]) {
        try {
          change()
        } catch {
          // The store returned a frozen row, which is as safe as a copy.
        }
      }
    }
    spoil(row)
    spoil(await rowOf(store, row))
    for (const listed of await list(store, row.sub)) spoil(listed)
    spoil(plain)
    assert.deepEqual(await rowOf(store, row), kept)
    assert.deepEqual(await list(store, row.sub), [kept])
    assert.deepEqual(await rowOf(store, plain), keptPlain)
    assert.deepEqual((await start(store)).claims, {})
  },

  'list() returns the live sessions of a subject, oldest first': async ({ store, other }) => {
    const sub = randomText()
    const started: SessionRow[] = []
    started.push(await start(store, { sub }))
    await nextMillisecond(store, sub)
    for (let count = 1; count < 12; count++) started.push(await start(store, { sub }))
    await start(store)
    await start(store, { sub, idleMs: 0 })
    await store.revoke(started.pop()!.id, lifetime)
    await store.rotate(started[0]!.id, rotation)
    const listed = await list(other, sub)
    assert.deepEqual(idsOf(listed), idsOf(started))
    assert.deepEqual(
      listed.map(({ createdAt }) => createdAt),
      started.map(({ createdAt }) => createdAt)
    )
    assert.equal(listed.find(({ id }) => id === started[0]!.id)?.generation, 1)
    assert.deepEqual(await list(other, randomText()), [])
  },

  'list() returns at most `limit` sessions: the most recently rotated ones': async ({ store, other }) => {
    const sub = randomText()
    const rows: SessionRow[] = [await start(store, { sub })]
    await nextMillisecond(store, sub)
    for (let count = 1; count < 5; count++) rows.push(await start(store, { sub }))
    await nextMillisecond(store, sub)
    await store.rotate(rows[0]!.id, rotation)
    const { rows: listed, storeTime } = await other.list(subject(sub), { limit: 2 })
    assert.ok(Number.isSafeInteger(storeTime), 'storeTime must be whole milliseconds')
    assert.equal(listed.length, 2)
    assert.equal(listed[0]!.id, rows[0]!.id)
    const left = rows.slice(1).filter(({ id }) => id !== listed[1]!.id)
    for (const { rotatedAt } of left) {
      assert.ok(rotatedAt <= listed[1]!.rotatedAt, 'a more recently rotated session is missing')
    }
  }
}
