import assert from 'node:assert/strict'
import { assertNotLive, hourMs, lifetime, randomText, retry, rotation, rowOf, start, times } from './fixtures.ts'
import type { Cases } from './fixtures.ts'

/** `countRetry()` and `countRepeat()`. */
export const countCases: Cases = {
  'countRetry() sets the retries to `keepRetries` and now, and extends the idle expiry': async ({ store, other }) => {
    const row = await start(store)
    const first = await store.countRetry(row.id, { ...retry, idleMs: 2 * hourMs })
    assert.equal(first.applied, true)
    assert.deepEqual(first.row, { ...row, retries: [first.storeTime], idleExpiresAt: first.storeTime + 2 * hourMs })
    const second = await other.countRetry(row.id, {
      ...retry,
      retries: [first.storeTime],
      keepRetries: [first.storeTime],
      idleMs: 48 * hourMs
    })
    assert.deepEqual(second.row, {
      ...row,
      retries: [first.storeTime, second.storeTime],
      idleExpiresAt: row.absoluteExpiresAt
    })
    const third = await store.countRetry(row.id, {
      ...retry,
      retries: [first.storeTime, second.storeTime],
      keepRetries: [second.storeTime]
    })
    assert.deepEqual(third.row?.retries, [second.storeTime, third.storeTime])
    assert.deepEqual(await rowOf(other, row), third.row)
    const rotated = await store.rotate(row.id, rotation)
    assert.deepEqual(rotated.row?.retries, third.row?.retries)
  },

  'countRetry() changes only a row with the given generation and retries': async ({ store }) => {
    const row = await start(store)
    const { row: counted, storeTime: now } = await store.countRetry(row.id, retry)
    for (const wrong of [
      { generation: 1, retries: [now] },
      { retries: [] },
      { retries: [now + 1] },
      { retries: [now, now] }
    ]) {
      const refused = await store.countRetry(row.id, { ...retry, ...wrong })
      assert.deepEqual([refused.applied, refused.row], [false, counted])
    }
  },

  'countRetry() does not change a session that is unknown, revoked or expired': async ({ store }) => {
    const unknown = await store.countRetry(randomText(), retry)
    assert.deepEqual([unknown.applied, unknown.row], [false, null])
    const revoked = await start(store)
    await store.revoke(revoked.id, lifetime)
    const { applied, row } = await store.countRetry(revoked.id, retry)
    assert.deepEqual([applied, row?.retries], [false, []])
    const expired = await start(store, { idleMs: 0 })
    assert.equal((await store.countRetry(expired.id, retry)).applied, false)
    await assertNotLive(store, expired)
  },

  'countRetry() is applied once in 50 concurrent calls': async ({ store, other }) => {
    const row = await start(store)
    const writes = await Promise.all(times(50, (index) => [store, other][index % 2]!.countRetry(row.id, retry)))
    assert.equal(writes.filter(({ applied }) => applied).length, 1)
    assert.equal((await rowOf(other, row)).retries.length, 1)
  },

  'countRetry() concurrent with rotate(): it is not applied after the rotation': async ({ store, other }) => {
    await Promise.all(
      times(20, async (index) => {
        const { id } = await start(store)
        const calls = [() => store.countRetry(id, retry), () => other.rotate(id, rotation)]
        if (index % 2 === 1) calls.reverse()
        const writes = await Promise.all(calls.map((call) => call()))
        const [counted, rotated] = index % 2 === 1 ? writes.reverse() : writes
        const row = await rowOf(other, { id })
        assert.equal(rotated?.applied, true)
        assert.deepEqual([row.generation, row.retries.length], [1, counted?.applied === true ? 1 : 0])
      })
    )
  },

  'countRepeat() counts a repeated generation once, and only on a row of the given generation': async ({
    store,
    other
  }) => {
    const row = await start(store)
    assert.deepEqual([row.repeatedGeneration, row.repeatStreak], [null, 0])
    const { row: rotated } = await store.rotate(row.id, rotation)
    const wrong = await store.countRepeat(row.id, { generation: 0, repeated: 0, streak: 1 })
    assert.deepEqual([wrong.applied, wrong.row], [false, rotated])
    const results = await Promise.all(
      times(20, (index) => [store, other][index % 2]!.countRepeat(row.id, { generation: 1, repeated: 0, streak: 1 }))
    )
    assert.equal(results.filter(({ applied }) => applied).length, 1)
    assert.deepEqual(await rowOf(other, row), { ...rotated, repeatedGeneration: 0, repeatStreak: 1 })
    await store.rotate(row.id, { ...rotation, from: 1, to: 2 })
    const next = await other.countRepeat(row.id, { generation: 2, repeated: 1, streak: 2 })
    assert.deepEqual([next.applied, next.row?.repeatedGeneration, next.row?.repeatStreak], [true, 1, 2])
    await store.revoke(row.id, lifetime)
    assert.equal((await store.countRepeat(row.id, { generation: 2, repeated: 2, streak: 3 })).applied, false)
    const unknown = await store.countRepeat(randomText(), { generation: 0, repeated: 0, streak: 1 })
    assert.deepEqual([unknown.applied, unknown.row], [false, null])
  }
}
