import assert from 'node:assert/strict'
import { maxBatch } from '../session-store.ts'
import type { Revocation } from '../session-store.ts'
import {
  assertDead,
  ending,
  hourMs,
  idsOf,
  inserting,
  list,
  newSession,
  random,
  readAll,
  start,
  startMany,
  subject,
  timeOf
} from './fixtures.ts'
import type { Cases } from './fixtures.ts'

/** What `sweep()` removes, and what it leaves. */
export const sweepCases: Cases = {
  'sweep() removes sessions that have expired, and none that still matter': async ({ store, other }) => {
    const sub = random()
    const [live, revoked, expired] = [
      await start(store, { sub }),
      await start(store, { sub }),
      await start(store, { sub, idleMs: 0 })
    ]
    const { revoked: ended } = await store.revoke(revoked.id, ending)
    const removed = await store.sweep()
    assert.ok(Number.isSafeInteger(removed) && removed >= 0, 'sweep() does not tell how many')
    assert.equal((await other.find(expired.id)).row, null)
    assert.deepEqual(await list(other, sub), [live])
    assert.deepEqual((await other.revoke(revoked.id, ending)).revoked, ended)
    assert.deepEqual(idsOf((await readAll(other)).entries), [revoked.id])
    assert.equal(await store.sweep(), 0)
  },

  'sweep() leaves `authenticatedAge` its meaning': async ({ store }) => {
    const sub = random()
    await store.revokeAll(subject(sub), ending)
    await store.sweep()
    const authenticatedAge = () => 60_000
    assert.equal((await store.insert(newSession({ sub }), { ...inserting, authenticatedAge })).row, null)
  },

  'sweep() does not bring back a session that revokeAll() revoked': async ({ store, other }) => {
    const sub = random()
    const rows = await startMany(store, sub, maxBatch + 5)
    const { revoked } = await store.revokeAll(subject(sub), ending)
    await store.sweep()
    const logged = new Set(revoked.map(({ id }) => id))
    for (const row of rows.filter(({ id }) => !logged.has(id))) await assertDead(other, row)
    assert.deepEqual(await list(other, sub), [])
  },

  'sweep() makes room for an entry that comes again': async ({ store, other }) => {
    const now = await timeOf(store)
    const old = { kind: 'token', id: 'i again', until: now - 1000 } as const
    await store.appendRevocations([old, { kind: 'token', id: 'i newest', until: now - 1000 }], ending)
    await store.sweep()
    await store.appendRevocations([{ ...old, until: now + hourMs }], ending)
    const { entries } = await readAll(other)
    assert.deepEqual(
      entries.filter(({ id }) => id === 'i again'),
      [{ ...old, until: now + hourMs }]
    )
  },

  'sweep() leaves a reader who has read all where they are': async ({ store, other }) => {
    const now = await timeOf(store)
    await store.appendRevocations(
      [
        { kind: 'token', id: 'i old', until: now - 2000 },
        { kind: 'token', id: 'i newest', until: now - 1000 }
      ],
      ending
    )
    const { cursor } = await readAll(other)
    await store.sweep()
    const quiet = await other.readRevocations(cursor, 10)
    assert.deepEqual([quiet.entries, quiet.more, quiet.resumed], [[], false, true])
    const added: Revocation = { kind: 'token', id: 'i added', until: now + hourMs }
    await store.appendRevocations([added], ending)
    assert.deepEqual((await readAll(other, cursor)).entries, [added])
  }
}
