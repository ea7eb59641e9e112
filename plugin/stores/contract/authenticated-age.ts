import assert from 'node:assert/strict'
import {
  assertNotLive,
  insert,
  insertOptions,
  lifetime,
  list,
  newSession,
  randomText,
  readAll,
  rowOf,
  start,
  storeTimeOf,
  subject,
  subjectBeside,
  times
} from './fixtures.ts'
import type { Cases } from './fixtures.ts'

/** `insert()` with `authenticatedAge`. */
export const authenticatedAgeCases: Cases = {
  'insert() refuses a credential that was read before the last revokeAll(), and then revokes nothing': async ({
    store,
    other
  }) => {
    const sub = randomText()
    const named = await start(store, { sub: subjectBeside(store, sub) })
    const { storeTime: revokedAllAt } = await other.revokeAll(subject(sub), lifetime)
    const session = newSession(store, { sub })
    for (const authenticatedAge of [() => 60_000, () => 0.1 + 60_000, () => NaN, () => Infinity]) {
      const { storeTime, ...refused } = await store.insert(session, {
        ...insertOptions,
        revoke: [named.id],
        revokeOthers: true,
        authenticatedAge
      })
      assert.deepEqual(refused, { row: null })
      assert.ok(storeTime >= revokedAllAt)
    }
    assert.equal((await other.find(session.id)).row, null)
    assert.deepEqual(await rowOf(other, named), named)
    assert.deepEqual((await readAll(other)).entries, [])
  },

  'insert() refuses a credential that was read in the same millisecond as revokeAll()': async ({ store, other }) => {
    for (let attempt = 0; attempt < 20; attempt++) {
      const sub = randomText()
      const { storeTime: revokedAllAt } = await other.revokeAll(subject(sub), lifetime)
      const age = (await storeTimeOf(store, sub)) - revokedAllAt
      const { row, storeTime } = await store.insert(newSession(store, { sub }), {
        ...insertOptions,
        authenticatedAge: () => age
      })
      // The clock may have advanced since: then the credential is later than the revokeAll().
      if (storeTime - age === revokedAllAt) assert.equal(row, null)
    }
  },

  'insert() accepts a later credential, another subject, and a call without `authenticatedAge`': async ({
    store,
    other
  }) => {
    const sub = randomText()
    await insert(store, { session: newSession(store, { sub }), authenticatedAge: () => 60_000 })
    const { storeTime: revokedAllAt } = await other.revokeAll(subject(sub), lifetime)
    while ((await storeTimeOf(store, sub)) <= revokedAllAt);
    await insert(store, { session: newSession(store, { sub }), authenticatedAge: () => 0 })
    await insert(store, { session: newSession(store), authenticatedAge: () => 60_000 })
    await insert(store, {
      session: newSession(store, { sub, issuer: 'https://other.example' }),
      issuers: ['https://other.example'],
      authenticatedAge: () => 60_000
    })
    await start(store, { sub })
    assert.equal((await list(other, sub)).length, 2)
  },

  'insert() calls `authenticatedAge` exactly once': async ({ store }) => {
    let asked = 0
    await insert(store, { session: newSession(store), authenticatedAge: () => asked++ })
    assert.equal(asked, 1)
  },

  'insert() concurrent with revokeAll(): no session with an earlier credential is left live': async ({
    store,
    other
  }) => {
    await Promise.all(
      times(20, async (index) => {
        const session = newSession(store)
        const insertIt = () => store.insert(session, { ...insertOptions, authenticatedAge: () => 60_000 })
        const revokeAll = () => other.revokeAll(subject(session.sub), lifetime)
        await Promise.all(index % 2 === 0 ? [insertIt(), revokeAll()] : [revokeAll(), insertIt()])
        await assertNotLive(other, session)
      })
    )
  }
}
