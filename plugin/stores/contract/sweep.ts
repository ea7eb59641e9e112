import assert from 'node:assert/strict'
import type { FeedEntry } from '../store.ts'
import { ending, hourMs, idsOf, newSession, random, readAll, start, timeOf } from './stage.ts'
import type { Cases } from './stage.ts'

/** What `sweep()` removes, and what it leaves. */
export const sweepCases: Cases = {
  'sweep() removes sessions that have expired, and none that still matter': async ({ store, other }) => {
    const sub = random()
    const [live, revoked, expired] = [await start(store, { sub }), await start(store, { sub }), await start(store, { sub, idleMs: 0 })]
    const ended = await store.revoke(revoked.id, ending)
    const removed = await store.sweep()
    assert.ok(Number.isSafeInteger(removed) && removed >= 0, 'sweep() does not tell how many')
    assert.equal((await other.find(expired.id)).row, null)
    assert.deepEqual(await other.list(sub), [live])
    assert.deepEqual(await other.revoke(revoked.id, ending), ended)
    assert.deepEqual(idsOf((await readAll(other)).entries), [revoked.id])
    assert.equal(await store.sweep(), 0)
  },

  'sweep() leaves `authenticatedAt` its meaning': async ({ store }) => {
    const sub = random()
    const authenticatedAt = await timeOf(store) - 1
    await store.revokeAll(sub, ending)
    await store.sweep()
    assert.equal((await store.insert(newSession({ sub }), { end: [], authenticatedAt, ...ending })).row, null)
  },

  'sweep() leaves a reader who has read all where they are': async ({ store, other }) => {
    const now = await timeOf(store)
    await store.feed([{ kind: 'token', id: 'i old', until: now - 2000 }, { kind: 'token', id: 'i newest', until: now - 1000 }])
    const { cursor } = await readAll(other)
    await store.sweep()
    const quiet = await other.readFeed(cursor, 10)
    assert.deepEqual([quiet.entries, quiet.more, quiet.resumed], [[], false, true])
    const added: FeedEntry = { kind: 'token', id: 'i added', until: now + hourMs }
    await store.feed([added])
    assert.deepEqual((await readAll(other, cursor)).entries, [added])
  }
}
