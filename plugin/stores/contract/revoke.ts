import assert from 'node:assert/strict'
import { maxBatch, revokedUntil } from '../session-store.ts'
import type { RevokedSession, SessionRow, SessionStore } from '../session-store.ts'
import {
  assertDead,
  ending,
  hourMs,
  idsOf,
  inserting,
  issuer,
  list,
  newSession,
  nextMillisecond,
  oddTexts,
  random,
  readAll,
  retry,
  rotation,
  rowOf,
  start,
  startMany,
  subject,
  timeOf,
  times
} from './fixtures.ts'
import type { Cases } from './fixtures.ts'

const revokeOf = async (store: SessionStore, id: string, options = {}) =>
  (await store.revoke(id, { ...ending, ...options })).revoked

/** Goes on with `trim()` until nothing is left. */
async function trimAll(store: SessionStore, sub: string, maxSessions = 1000): Promise<RevokedSession[]> {
  const revoked: RevokedSession[] = []
  for (let more = true; more;) {
    const trimmed = await store.trim(subject(sub), { maxSessions, ...ending })
    revoked.push(...trimmed.revoked)
    more = trimmed.more
  }
  return revoked
}

/** How sessions end: `revoke()`, `revokeAll()` and `trim()`. */
export const revokeCases: Cases = {
  'revoke() revokes one session and logs it, for as long as its longest access token': async ({ store, other }) => {
    for (const [lifetimeSeconds, accessLifetimeSeconds] of [
      [600, 10],
      [10, 600]
    ] as const) {
      const row = await start(store, { accessLifetimeSeconds })
      const { revoked: ended, storeTime } = await store.revoke(row.id, { lifetimeSeconds })
      const revoked = await rowOf(other, row)
      assert.equal(revoked.revokedAt, storeTime)
      assert.deepEqual(revoked, { ...row, revokedAt: storeTime })
      const until = storeTime + 600_000 + 60_000
      assert.deepEqual(ended, { id: row.id, sub: row.sub, until })
      assert.deepEqual((await readAll(other)).entries.at(-1), { kind: 'session', id: row.id, until })
    }
  },

  'revoke() tells the time where there is no session, and logs nothing': async ({ store }) => {
    await start(store, { id: 'a' })
    for (const id of ['', ...oddTexts.filter((text) => text !== 'a')]) {
      const { revoked, storeTime } = await store.revoke(id, ending)
      assert.equal(revoked, null)
      assert.ok(Number.isSafeInteger(storeTime), 'storeTime is not whole milliseconds')
    }
    assert.deepEqual((await readAll(store)).entries, [])
  },

  'revoke() with `sub` revokes only a session of that subject': async ({ store, other }) => {
    const row = await start(store)
    for (const sub of ['', random(), row.sub.slice(1), `${row.sub} `]) {
      assert.equal(await revokeOf(store, row.id, { sub }), null)
    }
    assert.deepEqual(await rowOf(other, row), row)
    assert.deepEqual((await readAll(other)).entries, [])
    assert.equal((await revokeOf(store, row.id, { sub: row.sub }))?.id, row.id)
    assert.equal(await revokeOf(store, row.id, { sub: random() }), null)
  },

  'revoke() with `issuers` revokes only a session of one of them': async ({ store }) => {
    const row = await start(store)
    assert.equal(await revokeOf(store, row.id, { issuers: ['https://other.example', ''] }), null)
    assert.equal(await revokeOf(store, row.id, { issuers: ['https://other.example'], sub: row.sub }), null)
    assert.equal((await rowOf(store, row)).revokedAt, null)
    assert.equal(
      (await revokeOf(store, row.id, { issuers: ['https://other.example', issuer], sub: row.sub }))?.id,
      row.id
    )
  },

  'revoke() returns a session that was revoked before with its first `until`': async ({ store, other }) => {
    const row = await start(store)
    const first = await revokeOf(store, row.id)
    const revoked = await rowOf(other, row)
    const again = await Promise.all(
      times(10, (index) => revokeOf([store, other][index % 2]!, row.id, { lifetimeSeconds: 900 + index }))
    )
    for (const result of again) assert.deepEqual(result, first)
    assert.deepEqual(await rowOf(other, row), revoked)
    assert.deepEqual((await readAll(other)).entries, [{ kind: 'session', id: row.id, until: first?.until }])
  },

  'revoke() revokes once when 20 come together': async ({ store, other }) => {
    const row = await start(store)
    const results = await Promise.all(
      times(20, (index) => revokeOf([store, other][index % 2]!, row.id, { lifetimeSeconds: 600 + index }))
    )
    for (const result of results) assert.deepEqual(result, results[0])
    assert.deepEqual((await readAll(other)).entries, [{ kind: 'session', id: row.id, until: results[0]?.until }])
  },

  'revoke() logs its own `until` where the log has an earlier one that readers have read': async ({ store, other }) => {
    const row = await start(store)
    await store.appendRevocations([{ kind: 'token', id: row.id, until: (await timeOf(store)) + 1000 }], ending)
    const { cursor } = await readAll(other)
    const revoked = await revokeOf(store, row.id)
    const next = await readAll(other, cursor)
    assert.deepEqual(next.entries, [{ kind: 'session', id: row.id, until: revoked?.until }])
  },

  'revokeAll() takes an issuer that is named twice as one': async ({ store }) => {
    const sub = random()
    const [spared, revoked] = [await start(store, { sub }), await start(store, { sub })]
    const result = await store.revokeAll({ issuers: [issuer, issuer], sub }, { except: spared.id, ...ending })
    assert.deepEqual(idsOf(result.revoked), [revoked.id])
    assert.equal((await rowOf(store, spared)).revokedAt, null)
  },

  'revokeAll() revokes and logs all live sessions of a subject but `except`': async ({ store, other }) => {
    const sub = random()
    const [a, b, kept, before] = await Promise.all(times(4, () => start(store, { sub })))
    await start(store, { sub, idleMs: 0 })
    const theirs = await start(store)
    await store.revoke(before!.id, ending)
    const { revoked, more } = await other.revokeAll(subject(sub), { except: kept!.id, lifetimeSeconds: 900 })
    assert.equal(more, false)
    assert.deepEqual(idsOf(revoked), idsOf([a!, b!]))
    for (const { id, sub: whose, until } of revoked) {
      const row = await rowOf(store, { id })
      assert.equal(whose, sub)
      assert.equal(until, revokedUntil(row.revokedAt!, row, 900))
    }
    assert.deepEqual(idsOf((await readAll(store)).entries), idsOf([a!, b!, before!]))
    assert.deepEqual(await list(store, sub), [kept])
    assert.deepEqual(await list(store, theirs.sub), [theirs])
    assert.deepEqual(idsOf((await store.revokeAll(subject(sub), { except: theirs.id, ...ending })).revoked), [kept!.id])
    assert.deepEqual((await store.revokeAll(subject(sub), ending)).revoked, [])
    assert.deepEqual((await store.revokeAll(subject(random()), ending)).revoked, [])
    assert.deepEqual(await list(store, theirs.sub), [theirs])
  },

  'revokeAll() leaves sessions that start afterwards, and the one it spared, to go on': async ({ store, other }) => {
    const sub = random()
    const [spared, ended] = [await start(store, { sub }), await start(store, { sub })]
    await store.revokeAll(subject(sub), { except: spared.id, ...ending })
    const later = await start(other, { sub })
    assert.deepEqual(idsOf(await list(store, sub)), idsOf([spared, later]))
    for (const row of [spared, later]) assert.equal((await other.rotate(row.id, rotation)).applied, true)
    assert.equal((await store.rotate(ended.id, rotation)).applied, false)
    await store.revokeAll(subject(sub), { except: ended.id, ...ending })
    for (const row of [spared, later, ended]) await assertDead(other, row)
    assert.deepEqual(await list(store, sub), [])
  },

  'revokeAll() reaches only the subject under the issuers named': async ({ store, other }) => {
    const sub = random()
    const [mine, moved] = [await start(store, { sub }), await start(store, { sub, issuer: '' })]
    const theirs = await start(store, { sub, issuer: 'https://other.example' })
    const both = { issuers: [issuer, ''], sub }
    assert.deepEqual(idsOf((await other.list(both, { limit: 10 })).rows), idsOf([mine, moved]))
    assert.deepEqual(idsOf((await store.revokeAll(both, ending)).revoked), idsOf([mine, moved]))
    assert.equal((await rowOf(other, theirs)).revokedAt, null)
    assert.equal((await other.rotate(theirs.id, rotation)).applied, true)
  },

  'revokeAll() takes effect in one step, however many sessions there are': async ({ store, other }) => {
    const sub = random()
    const rows = await startMany(store, sub, maxBatch + 20)
    const { revoked, more } = await store.revokeAll(subject(sub), ending)
    assert.deepEqual([revoked.length, more], [maxBatch, true])
    assert.deepEqual(await list(other, sub), [])
    const logged = new Set(revoked.map(({ id }) => id))
    const left = rows.filter(({ id }) => !logged.has(id))
    const later = await start(store, { sub })
    for (const row of left) {
      const { row: read } = await other.find(row.id)
      assert.ok(read !== null && read.revokedAt !== null, 'a session outlives revokeAll()')
      assert.equal((await other.rotate(row.id, rotation)).applied, false)
      assert.equal((await other.countRetry(row.id, retry)).applied, false)
    }
    assert.equal((await revokeOf(other, left[0]!.id))?.id, left[0]!.id)
    assert.deepEqual(idsOf(await trimAll(other, sub)), idsOf(left.slice(1)))
    assert.deepEqual(idsOf((await readAll(store, null, 1000)).entries), idsOf(rows))
    assert.deepEqual(idsOf(await list(store, sub)), [later.id])
  },

  'trim() revokes the least recently rotated sessions beyond `maxSessions`': async ({ store, other }) => {
    const sub = random()
    const rows: SessionRow[] = []
    for (let count = 0; count < 6; count++) rows.push(await start(store, { sub }))
    await nextMillisecond(store)
    await store.rotate(rows[0]!.id, rotation)
    assert.deepEqual(await trimAll(store, sub, 6), [])
    const revoked = await trimAll(other, sub, 3)
    assert.equal(revoked.length, 3)
    const live = await list(store, sub)
    assert.equal(live.length, 3)
    assert.ok(
      live.some(({ id }) => id === rows[0]!.id),
      'the session that was just rotated had to go'
    )
    const oldestLeft = Math.min(...live.map(({ rotatedAt }) => rotatedAt))
    for (const { id } of revoked) {
      assert.ok((await rowOf(store, { id })).rotatedAt <= oldestLeft, 'a more recent session had to go')
    }
    assert.deepEqual(idsOf((await readAll(other)).entries), idsOf(revoked))
  },

  'revokeAll() against rotate(): no session outlives it': async ({ store, other }) => {
    const sub = random()
    const rows = await Promise.all(times(20, () => start(store, { sub })))
    const rotate = ({ id }: SessionRow) => store.rotate(id, rotation)
    await Promise.all([
      ...rows.slice(10).map(rotate),
      other.revokeAll(subject(sub), ending),
      ...rows.slice(0, 10).map(rotate)
    ])
    for (const row of rows) await assertDead(other, row)
    assert.deepEqual(await list(other, sub), [])
    assert.deepEqual(idsOf((await readAll(other)).entries), idsOf(rows))
  },

  'revokeAll() against insert() that revokes others: one session is left at most': async ({ store, other }) => {
    await Promise.all(
      times(10, async () => {
        const sub = random()
        await start(store, { sub })
        const insert = (on: SessionStore) =>
          on.insert(newSession({ sub, idleMs: hourMs }), { ...inserting, revokeOthers: true })
        await Promise.all([insert(store), insert(other), other.revokeAll(subject(sub), ending), insert(store)])
        assert.ok((await list(other, sub)).length <= 1, 'two sessions are left')
      })
    )
  }
}
