import assert from 'node:assert/strict'
import { assertDead, ending, hourMs, random, retry, rotation, rowOf, start, times } from './fixtures.ts'
import type { Cases } from './fixtures.ts'

/** The compare-and-sets: `rotate()` and `countRetry()`. */
export const rotateCases: Cases = {
  'rotate() moves the generation only from the one named': async ({ store, other }) => {
    const row = await start(store, { claims: { a: 1 }, device: 'd', scope: 's' })
    const refused = await store.rotate(row.id, { ...rotation, from: 1, to: 2 })
    assert.deepEqual([refused.applied, refused.row], [false, row])
    const rotated = await store.rotate(row.id, { ...rotation, idleMs: 2 * hourMs })
    assert.equal(rotated.applied, true)
    assert.deepEqual(rotated.row, {
      ...row,
      generation: 1,
      rotatedAt: rotated.storeTime,
      idleExpiresAt: rotated.storeTime + 2 * hourMs
    })
    const again = await other.rotate(row.id, rotation)
    assert.deepEqual([again.applied, again.row], [false, rotated.row])
    assert.deepEqual(await rowOf(other, row), rotated.row)
  },

  'rotate() can raise the generation by more than one': async ({ store, other }) => {
    const row = await start(store)
    assert.equal((await store.rotate(row.id, { ...rotation, to: 1_000_000 })).row?.generation, 1_000_000)
    assert.equal((await other.rotate(row.id, { ...rotation, from: 1_000_000, to: 1_000_001 })).applied, true)
  },

  'rotate() slides the idle expiry, but never past the absolute one': async ({ store }) => {
    const row = await start(store)
    const { row: rotated } = await store.rotate(row.id, { ...rotation, idleMs: 48 * hourMs })
    assert.equal(rotated?.idleExpiresAt, row.absoluteExpiresAt)
    assert.equal(rotated.absoluteExpiresAt, row.absoluteExpiresAt)
  },

  'rotate() leaves alone what was rotated less than `minAgeMs` ago': async ({ store }) => {
    const row = await start(store)
    const young = await store.rotate(row.id, { ...rotation, minAgeMs: hourMs })
    assert.deepEqual([young.applied, young.row], [false, row])
    const { row: rotated } = await store.rotate(row.id, rotation)
    const again = await store.rotate(row.id, { ...rotation, from: 1, to: 2, minAgeMs: hourMs })
    assert.deepEqual([again.applied, again.row], [false, rotated])
  },

  'rotate() leaves alone a session that is unknown, revoked or expired': async ({ store }) => {
    const unknown = await store.rotate(random(), rotation)
    assert.deepEqual([unknown.applied, unknown.row], [false, null])
    const revoked = await start(store)
    await store.revoke(revoked.id, ending)
    const { applied, row } = await store.rotate(revoked.id, rotation)
    assert.deepEqual([applied, row?.generation, row?.idleExpiresAt], [false, 0, revoked.idleExpiresAt])
    const idle = await start(store)
    await store.rotate(idle.id, { ...rotation, idleMs: 0 })
    for (const { id, from } of [
      { id: idle.id, from: 1 },
      { id: (await start(store, { absoluteMs: 0 })).id, from: 0 }
    ]) {
      const late = await store.rotate(id, { ...rotation, from, to: from + 1 })
      assert.equal(late.applied, false)
      assert.ok(late.row === null || late.row.generation === from, 'an expired session was rotated')
      await assertDead(store, { id })
    }
  },

  "rotate() is applied once when 50 come together, and all see the winner's row": async ({ store, other }) => {
    const row = await start(store)
    const writes = await Promise.all(times(50, (index) => [store, other][index % 2]!.rotate(row.id, rotation)))
    assert.equal(writes.filter(({ applied }) => applied).length, 1)
    const rotated = await rowOf(other, row)
    assert.equal(rotated.generation, 1)
    for (const write of writes) assert.deepEqual(write.row, rotated)
  },

  'rotate() against revoke(): the session has ended, whichever is first': async ({ store, other }) => {
    await Promise.all(
      times(20, async (index) => {
        const { id } = await start(store)
        const rotate = () => store.rotate(id, rotation)
        const revoke = () => other.revoke(id, ending)
        const answers = await Promise.all(index % 2 === 0 ? [rotate(), revoke()] : [revoke(), rotate()])
        const rotated = answers.some((answer) => answer !== null && 'applied' in answer && answer.applied)
        const row = await rowOf(other, { id })
        assert.notEqual(row.revokedAt, null)
        assert.equal(row.generation, rotated ? 1 : 0)
      })
    )
  },

  'countRetry() replaces the retries by those kept and now, and slides the idle expiry': async ({ store, other }) => {
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

  'countRetry() counts only on the generation and the retries named': async ({ store }) => {
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

  'countRetry() leaves alone a session that is unknown, revoked or expired': async ({ store }) => {
    const unknown = await store.countRetry(random(), retry)
    assert.deepEqual([unknown.applied, unknown.row], [false, null])
    const revoked = await start(store)
    await store.revoke(revoked.id, ending)
    const { applied, row } = await store.countRetry(revoked.id, retry)
    assert.deepEqual([applied, row?.retries], [false, []])
    const expired = await start(store, { idleMs: 0 })
    assert.equal((await store.countRetry(expired.id, retry)).applied, false)
    await assertDead(store, expired)
  },

  'countRetry() is applied once when 50 come together': async ({ store, other }) => {
    const row = await start(store)
    const writes = await Promise.all(times(50, (index) => [store, other][index % 2]!.countRetry(row.id, retry)))
    assert.equal(writes.filter(({ applied }) => applied).length, 1)
    assert.equal((await rowOf(other, row)).retries.length, 1)
  },

  'countRetry() against rotate(): what was rotated first is not counted': async ({ store, other }) => {
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

  'rotate() and countRetry() raise `accessLifetimeSeconds`, and never lower it': async ({ store, other }) => {
    const row = await start(store, { accessLifetimeSeconds: 60 })
    const change = { ...rotation, accessLifetimeSeconds: 3600 }
    assert.equal((await store.rotate(row.id, { ...change, from: 1, to: 2 })).row?.accessLifetimeSeconds, 60)
    assert.equal((await store.rotate(row.id, change)).row?.accessLifetimeSeconds, 3600)
    assert.equal(
      (await other.rotate(row.id, { ...rotation, from: 1, to: 2, accessLifetimeSeconds: 60 })).row
        ?.accessLifetimeSeconds,
      3600
    )
    const counted = await store.countRetry(row.id, { ...retry, generation: 2, accessLifetimeSeconds: 7200 })
    assert.equal(counted.row?.accessLifetimeSeconds, 7200)
    const { revoked, storeTime } = await other.revoke(row.id, { lifetimeSeconds: 60 })
    assert.equal(revoked?.until, storeTime + 7200_000 + 60_000)
  },

  'countRepeat() notes a generation once, on the generation named': async ({ store, other }) => {
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
    await store.revoke(row.id, ending)
    assert.equal((await store.countRepeat(row.id, { generation: 2, repeated: 2, streak: 3 })).applied, false)
    const unknown = await store.countRepeat(random(), { generation: 0, repeated: 0, streak: 1 })
    assert.deepEqual([unknown.applied, unknown.row], [false, null])
  }
}
