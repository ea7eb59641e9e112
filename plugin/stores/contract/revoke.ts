import assert from 'node:assert/strict'
import {
  issuer,
  lifetime,
  newIdOf,
  oddTexts,
  randomText,
  readAll,
  revoke,
  rowOf,
  start,
  storeTimeOf,
  times
} from './fixtures.ts'
import type { Cases } from './fixtures.ts'

/** `revoke()`. */
export const revokeCases: Cases = {
  'revoke() revokes and logs one session, until its longest-lived access token has expired': async ({
    store,
    other
  }) => {
    const sub = randomText()
    for (const [lifetimeSeconds, accessLifetimeSeconds] of [
      [600, 10],
      [10, 600]
    ] as const) {
      const row = await start(store, { sub, accessLifetimeSeconds })
      const { revoked: ended, storeTime } = await store.revoke(row.id, { lifetimeSeconds })
      const revoked = await rowOf(other, row)
      assert.equal(revoked.revokedAt, storeTime)
      assert.deepEqual(revoked, { ...row, revokedAt: storeTime })
      const until = storeTime + 600_000 + 60_000
      assert.deepEqual(ended, { id: row.id, sub: row.sub, until })
      assert.deepEqual((await readAll(other)).entries.at(-1), { kind: 'session', id: row.id, until })
    }
  },

  'revoke() returns `revoked: null` and the time for an unknown id, and logs nothing': async ({ store }) => {
    await start(store, { id: newIdOf(store, { sub: 'a', text: 'a' }), sub: 'a' })
    for (const id of ['', ...oddTexts.filter((text) => text !== 'a')]) {
      const { revoked, storeTime } = await store.revoke(id, lifetime)
      assert.equal(revoked, null)
      assert.ok(Number.isSafeInteger(storeTime), 'storeTime must be whole milliseconds')
    }
    assert.deepEqual((await readAll(store)).entries, [])
  },

  'revoke() with `sub` revokes only a session of that subject': async ({ store, other }) => {
    const row = await start(store)
    for (const sub of ['', randomText(), row.sub.slice(1), `${row.sub} `]) {
      assert.equal(await revoke(store, { id: row.id, sub }), null)
    }
    assert.deepEqual(await rowOf(other, row), row)
    assert.deepEqual((await readAll(other)).entries, [])
    assert.equal((await revoke(store, { id: row.id, sub: row.sub }))?.id, row.id)
    assert.equal(await revoke(store, { id: row.id, sub: randomText() }), null)
  },

  'revoke() with `issuers` revokes only a session of one of them': async ({ store }) => {
    const row = await start(store)
    assert.equal(await revoke(store, { id: row.id, issuers: ['https://other.example', ''] }), null)
    assert.equal(await revoke(store, { id: row.id, issuers: ['https://other.example'], sub: row.sub }), null)
    assert.equal((await rowOf(store, row)).revokedAt, null)
    assert.equal(
      (await revoke(store, { id: row.id, issuers: ['https://other.example', issuer], sub: row.sub }))?.id,
      row.id
    )
  },

  'revoke() returns the first `until` again for a session that was revoked before': async ({ store, other }) => {
    const row = await start(store)
    const first = await revoke(store, { id: row.id })
    const revoked = await rowOf(other, row)
    const again = await Promise.all(
      times(10, (index) => revoke([store, other][index % 2]!, { id: row.id, lifetimeSeconds: 900 + index }))
    )
    for (const result of again) assert.deepEqual(result, first)
    assert.deepEqual(await rowOf(other, row), revoked)
    assert.deepEqual((await readAll(other)).entries, [{ kind: 'session', id: row.id, until: first?.until }])
  },

  'revoke() revokes and logs once in 20 concurrent calls': async ({ store, other }) => {
    const row = await start(store)
    const results = await Promise.all(
      times(20, (index) => revoke([store, other][index % 2]!, { id: row.id, lifetimeSeconds: 600 + index }))
    )
    for (const result of results) assert.deepEqual(result, results[0])
    assert.deepEqual((await readAll(other)).entries, [{ kind: 'session', id: row.id, until: results[0]?.until }])
  },

  'revoke() logs the session although the log holds a token with the same id': async ({ store, other }) => {
    const row = await start(store)
    await store.appendRevocations([{ kind: 'token', id: row.id, until: (await storeTimeOf(store)) + 1000 }], lifetime)
    const { cursor } = await readAll(other)
    const revoked = await revoke(store, { id: row.id })
    const next = await readAll(other, { cursor })
    assert.deepEqual(next.entries, [{ kind: 'session', id: row.id, until: revoked?.until }])
  }
}
