import assert from 'node:assert/strict'
import { maxBatch } from '../session-store.ts'
import type { Revocation } from '../session-store.ts'
import {
  assertNotLive,
  hourMs,
  idsOf,
  insertOptions,
  lifetime,
  list,
  newSession,
  randomText,
  readAll,
  start,
  startMany,
  storeTimeOf,
  subject
} from './fixtures.ts'
import type { Cases } from './fixtures.ts'

/** `sweep()`. */
export const sweepCases: Cases = {
  'sweep() removes expired sessions, but no revoked one whose access tokens may still be valid': async ({
    store,
    other
  }) => {
    const sub = randomText()
    const [live, revoked, expired] = [
      await start(store, { sub }),
      await start(store, { sub }),
      await start(store, { sub, idleMs: 0 })
    ]
    const { revoked: ended } = await store.revoke(revoked.id, lifetime)
    const removed = await store.sweep()
    assert.ok(Number.isSafeInteger(removed) && removed >= 0, 'sweep() must resolve to the number of removed sessions')
    assert.equal((await other.find(expired.id)).row, null)
    assert.deepEqual(await list(other, sub), [live])
    assert.deepEqual((await other.revoke(revoked.id, lifetime)).revoked, ended)
    assert.deepEqual(idsOf((await readAll(other)).entries), [revoked.id])
    assert.equal(await store.sweep(), 0)
  },

  'sweep() does not forget the revokeAll() that `authenticatedAge` is compared with': async ({ store }) => {
    const sub = randomText()
    await store.revokeAll(subject(sub), lifetime)
    await store.sweep()
    const authenticatedAge = () => 60_000
    assert.equal((await store.insert(newSession(store, { sub }), { ...insertOptions, authenticatedAge })).row, null)
  },

  'sweep() does not revive a session that revokeAll() revoked': async ({ store, other }) => {
    const sub = randomText()
    const rows = await startMany(store, { sub, count: maxBatch + 5 })
    const { revoked } = await store.revokeAll(subject(sub), lifetime)
    await store.sweep()
    const logged = new Set(revoked.map(({ id }) => id))
    for (const row of rows.filter(({ id }) => !logged.has(id))) await assertNotLive(other, row)
    assert.deepEqual(await list(other, sub), [])
  },

  'sweep() lets an expired entry be appended again': async ({ store, other }) => {
    const now = await storeTimeOf(store)
    const old = { kind: 'token', id: 'i again', until: now - 1000 } as const
    await store.appendRevocations([old, { kind: 'token', id: 'i newest', until: now - 1000 }], lifetime)
    await store.sweep()
    await store.appendRevocations([{ ...old, until: now + hourMs }], lifetime)
    const { entries } = await readAll(other)
    assert.deepEqual(
      entries.filter(({ id }) => id === 'i again'),
      [{ ...old, until: now + hourMs }]
    )
  },

  'sweep() does not invalidate the cursor of a reader at the end of the log': async ({ store, other }) => {
    const now = await storeTimeOf(store)
    await store.appendRevocations(
      [
        { kind: 'token', id: 'i old', until: now - 2000 },
        { kind: 'token', id: 'i newest', until: now - 1000 }
      ],
      lifetime
    )
    const { cursor } = await readAll(other)
    await store.sweep()
    const quiet = await other.readRevocations(cursor, 10)
    assert.deepEqual([quiet.entries, quiet.more, quiet.resumed], [[], false, true])
    const added: Revocation = { kind: 'token', id: 'i added', until: now + hourMs }
    await store.appendRevocations([added], lifetime)
    assert.deepEqual((await readAll(other, { cursor })).entries, [added])
  }
}
