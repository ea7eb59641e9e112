import assert from 'node:assert/strict'
import { isRotatable } from '../session-store.ts'
import type { SessionRow, SessionStore } from '../session-store.ts'
import {
  assertNotLive,
  hourMs,
  lifetime,
  nextMillisecond,
  randomText,
  retry,
  rotation,
  rowOf,
  start,
  subject,
  times
} from './fixtures.ts'
import type { Cases } from './fixtures.ts'

/** The states of a row that `rotate()` must distinguish. Each function produces its state from a new session. */
const states: Record<string, (store: SessionStore, row: SessionRow) => Promise<unknown>> = {
  started: async () => {},
  rotated: (store, { id }) => store.rotate(id, rotation),
  'about to expire': (store, { id }) => store.rotate(id, { ...rotation, idleMs: 3 }),
  expired: (store, { id }) => store.rotate(id, { ...rotation, idleMs: 0 }),
  revoked: (store, { id }) => store.revoke(id, lifetime),
  'revoked with all others': (store, { sub }) => store.revokeAll(subject(sub), lifetime)
}

/** `rotate()`. */
export const rotateCases: Cases = {
  'rotate() changes only a row whose generation is `from`': async ({ store, other }) => {
    const row = await start(store, { claims: { a: 1 }, details: { b: 2 }, device: 'd', scope: 's' })
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

  'rotate() is applied exactly when isRotatable() is true, for each age, generation and state': async ({
    store,
    other
  }) => {
    const check = async (state: string, { from, minAge }: { from: number; minAge: (age: number) => number }) => {
      const started = await start(store)
      await states[state]!(store, started)
      const { row, storeTime: before } = await other.find(started.id)
      const minAgeMs = minAge(row === null ? 0 : before - row.rotatedAt)
      const { applied, storeTime } = await store.rotate(started.id, { ...rotation, from, to: from + 1, minAgeMs })
      const isRotatableAt = (time: number) => row !== null && isRotatable(row, { from, minAgeMs, storeTime: time })
      // A store may compare a moment before it reads `storeTime`: a refusal must be right at some time in between.
      const isRight = applied ? isRotatableAt(storeTime) : !(isRotatableAt(before) && isRotatableAt(storeTime))
      const age = row === null ? 'unknown' : `${storeTime - row.rotatedAt} ms`
      assert.ok(isRight, `applied is ${applied}: ${state}, from ${from}, minAgeMs ${minAgeMs}, age ${age}`)
    }
    const minAges = [() => 0, () => hourMs, ...[-1, 0, 1, 2, 3, 4].map((ms) => (age: number) => Math.max(0, age + ms))]
    for (const state of Object.keys(states)) {
      for (const minAge of minAges) await Promise.all([0, 1, 2].map((from) => check(state, { from, minAge })))
    }
  },

  'rotate() can raise the generation by more than one': async ({ store, other }) => {
    const row = await start(store)
    assert.equal((await store.rotate(row.id, { ...rotation, to: 1_000_000 })).row?.generation, 1_000_000)
    assert.equal((await other.rotate(row.id, { ...rotation, from: 1_000_000, to: 1_000_001 })).applied, true)
  },

  'rotate() extends the idle expiry, but never beyond the absolute expiry': async ({ store }) => {
    const row = await start(store)
    const { row: rotated } = await store.rotate(row.id, { ...rotation, idleMs: 48 * hourMs })
    assert.equal(rotated?.idleExpiresAt, row.absoluteExpiresAt)
    assert.equal(rotated.absoluteExpiresAt, row.absoluteExpiresAt)
  },

  'rotate() and countRetry() extend the idle expiry by no more than `idleLimitMs`': async ({ store, other }) => {
    const { id } = await start(store, { idleMs: 5 * hourMs, idleLimitMs: 2 * hourMs })
    const changes = [
      () => store.rotate(id, { ...rotation, idleMs: 5 * hourMs }),
      () => other.countRetry(id, { ...retry, generation: 1, idleMs: 5 * hourMs })
    ]
    for (const change of changes) {
      await nextMillisecond(store)
      const { row, storeTime, applied } = await change()
      assert.equal(applied, true)
      assert.deepEqual([row?.idleExpiresAt, row?.idleLimitMs], [storeTime + 2 * hourMs, 2 * hourMs])
    }
    const shorter = await store.rotate(id, { ...rotation, from: 1, to: 2, idleMs: hourMs })
    assert.deepEqual([shorter.row?.idleExpiresAt, shorter.row?.idleLimitMs], [shorter.storeTime + hourMs, 2 * hourMs])
  },

  'rotate() does not change a row that was rotated less than `minAgeMs` ago': async ({ store }) => {
    const row = await start(store)
    const young = await store.rotate(row.id, { ...rotation, minAgeMs: hourMs })
    assert.deepEqual([young.applied, young.row], [false, row])
    const { row: rotated } = await store.rotate(row.id, rotation)
    const again = await store.rotate(row.id, { ...rotation, from: 1, to: 2, minAgeMs: hourMs })
    assert.deepEqual([again.applied, again.row], [false, rotated])
  },

  'rotate() does not change a session that is unknown, revoked or expired': async ({ store }) => {
    const unknown = await store.rotate(randomText(), rotation)
    assert.deepEqual([unknown.applied, unknown.row], [false, null])
    const revoked = await start(store)
    await store.revoke(revoked.id, lifetime)
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
      await assertNotLive(store, { id })
    }
  },

  'rotate() is applied once in 50 concurrent calls, and all of them return the changed row': async ({
    store,
    other
  }) => {
    const row = await start(store)
    const writes = await Promise.all(times(50, (index) => [store, other][index % 2]!.rotate(row.id, rotation)))
    assert.equal(writes.filter(({ applied }) => applied).length, 1)
    const rotated = await rowOf(other, row)
    assert.equal(rotated.generation, 1)
    for (const write of writes) assert.deepEqual(write.row, rotated)
  },

  'rotate() concurrent with revoke(): the session is revoked, whichever is first': async ({ store, other }) => {
    await Promise.all(
      times(20, async (index) => {
        const { id } = await start(store)
        const rotate = () => store.rotate(id, rotation)
        const revoke = () => other.revoke(id, lifetime)
        const results = await Promise.all(index % 2 === 0 ? [rotate(), revoke()] : [revoke(), rotate()])
        const rotated = results.some((result) => result !== null && 'applied' in result && result.applied)
        const row = await rowOf(other, { id })
        assert.notEqual(row.revokedAt, null)
        assert.equal(row.generation, rotated ? 1 : 0)
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
  }
}
