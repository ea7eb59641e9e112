import assert from 'node:assert/strict'
import {
  hourMs,
  idsOf,
  insertOptions,
  lifetime,
  list,
  newIdOf,
  newSession,
  oddTexts,
  randomText,
  readAll,
  rowOf,
  start,
  storeTimeOf,
  subject,
  subjectBeside
} from './fixtures.ts'
import type { Cases } from './fixtures.ts'

/** `insert()`: what is stored. */
export const insertCases: Cases = {
  'insert() stores the session as given, and adds times by the clock of the store': async ({ store, other }) => {
    const sub = randomText()
    const before = await storeTimeOf(store, sub)
    const { idleMs, absoluteMs, ...given } = newSession(store, {
      sub,
      device: 'Firefox',
      scope: 'a b',
      claims: { roles: ['admin'] },
      details: { persistent: false, authTime: 1_700_000_000, acr: 'urn:example:mfa', amr: ['pwd', 'otp'] },
      accessLifetimeSeconds: 42,
      idleLimitMs: 2 * hourMs
    })
    const { storeTime: now, ...inserted } = await store.insert({ ...given, idleMs, absoluteMs }, insertOptions)
    assert.ok(before <= now && now <= (await storeTimeOf(store, sub)), 'storeTime must be the time of the insert')
    const { row, ...rest } = inserted
    assert.deepEqual(rest, { revoked: [], evicted: [], more: false })
    assert.deepEqual(row, {
      ...given,
      generation: 0,
      createdAt: now,
      rotatedAt: now,
      retries: [],
      repeatedGeneration: null,
      repeatStreak: 0,
      idleExpiresAt: now + idleMs,
      absoluteExpiresAt: now + absoluteMs,
      revokedAt: null
    })
    assert.deepEqual(await rowOf(other, given), row)
  },

  'newId() makes a different id each time, and all of them fit into a refresh token': async ({ store, other }) => {
    if (store.newId === undefined) return
    const ids: string[] = []
    for (const sub of ['', 'a', ...oddTexts]) ids.push(store.newId(sub), other.newId!(sub))
    assert.equal(new Set(ids).size, ids.length, 'newId() returned the same id again')
    for (const id of ids) assert.match(id, /^[\w~-]{22,64}$/)
    const areListed = ids.every((id) => store.shards === undefined || store.shards.names.includes(store.shards.of(id)))
    assert.ok(areListed, 'newId() returned an id of a shard that is not listed')
  },

  'insert() rejects a subject with U+0000, or distinguishes it from others': async ({ store, other }) => {
    const sub = randomText()
    await start(store, { sub: `${sub}\0a` }).catch(() => {})
    for (const another of [sub, `${sub}\0b`]) {
      const rows = await list(other, another).catch(() => [])
      assert.deepEqual(rows, [])
    }
  },

  'insert() limits the idle expiry by `idleLimitMs`': async ({ store, other }) => {
    const row = await start(store, { idleMs: 2 * hourMs, idleLimitMs: hourMs })
    assert.deepEqual([row.idleExpiresAt, row.idleLimitMs], [row.createdAt + hourMs, hourMs])
    assert.deepEqual(await rowOf(other, row), row)
  },

  'insert() never sets the idle expiry later than the absolute expiry': async ({ store }) => {
    const row = await start(store, { idleMs: 2 * hourMs, absoluteMs: hourMs })
    assert.equal(row.idleExpiresAt, row.absoluteExpiresAt)
    assert.equal(row.absoluteExpiresAt, row.createdAt + hourMs)
  },

  'insert() preserves every claim and every detail that JSON can express': async ({ store, other }) => {
    const text =
      '{"__proto__":{"admin":true},"constructor":1,"":"","ü\\u0000\\ud800😀":"\\"\\\\\\n\\u2028","big":9007199254740991,' +
      '"small":-0.1e-7,"no":[null,false,0,"",[],{}],"deep":{"a":[{"b":{"c":[[["d"]]]}}]}}'
    const given = JSON.parse(text) as Record<string, unknown>
    const row = await start(store, { claims: given, details: given })
    for (const { claims, details } of [row, await rowOf(other, row)]) {
      assert.deepEqual(claims, given)
      assert.deepEqual(details, given)
      assert.ok(Object.hasOwn(claims, '__proto__'), 'the claim "__proto__" is lost')
    }
  },

  'insert() distinguishes ids and subjects that differ in one character, however odd or long': async ({
    store,
    other
  }) => {
    const long = 'https://issuer.example/'.repeat(40)
    const texts = [...oddTexts, `${long}1`, `${long}2`]
    const given = texts.map((text) => ({ id: newIdOf(store, { sub: text, text }), text }))
    for (const { id, text } of given) await start(store, { id, sub: text, device: text, scope: text })
    for (const { id, text } of given) {
      const { sub, device, scope, ...row } = await rowOf(other, { id })
      assert.deepEqual([row.id, sub, device, scope], [id, text, text, text])
      assert.deepEqual(idsOf(await list(other, text)), [id])
    }
    const [first, second, ...rest] = given
    await store.revoke(first!.id, lifetime)
    await store.revokeAll(subject(second!.text), lifetime)
    for (const { id, text } of rest) assert.deepEqual(idsOf(await list(other, text)), [id])
    for (const { id, text } of rest) await store.revoke(id, { ...lifetime, sub: text })
    assert.deepEqual(idsOf((await readAll(other)).entries), idsOf(given))
  },

  'insert() rejects an existing id and then revokes nothing': async ({ store, other }) => {
    const existing = await start(store)
    const named = await start(store, { sub: subjectBeside(store, existing.sub) })
    await assert.rejects(
      store.insert(newSession(store, { id: existing.id, sub: existing.sub }), {
        ...insertOptions,
        revoke: [named.id],
        revokeOthers: true
      })
    )
    assert.deepEqual(await rowOf(other, existing), existing)
    assert.deepEqual(await rowOf(other, named), named)
    assert.deepEqual((await readAll(other)).entries, [])
  }
}
