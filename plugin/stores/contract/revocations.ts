import assert from 'node:assert/strict'
import type { Revocation } from '../session-store.ts'
import {
  hourMs,
  idsOf,
  lifetime,
  list,
  randomText,
  readAll,
  rotation,
  rowOf,
  sorted,
  start,
  storeTimeOf,
  times
} from './fixtures.ts'
import type { Cases } from './fixtures.ts'

/** `readRevocations()`, `appendRevocations()` and `subscribe()`. */
export const revocationCases: Cases = {
  'readRevocations() returns a cursor that can be followed, even for an empty log': async ({ store, other }) => {
    const { storeTime, cursor, ...page } = await store.readRevocations(null, 10)
    assert.deepEqual(page, { entries: [], more: false, resumed: true })
    assert.ok(Number.isSafeInteger(storeTime), 'storeTime must be whole milliseconds')
    const row = await start(store)
    await store.revoke(row.id, lifetime)
    const next = await readAll(other, { cursor })
    assert.deepEqual([next.resumed, idsOf(next.entries)], [true, [row.id]])
  },

  'readRevocations() reads page by page, and then only later entries': async ({ store, other }) => {
    const until = (await storeTimeOf(store)) + hourMs
    const entries = times(7, (index): Revocation => ({ kind: 'token', id: `https://issuer.example ${index}`, until }))
    await store.appendRevocations(entries, lifetime)
    const all = await readAll(other, { limit: 3 })
    assert.deepEqual(all.entries, entries)
    assert.ok(all.pages >= 3)
    const quiet = await other.readRevocations(all.cursor, 3)
    assert.deepEqual([quiet.entries, quiet.more, quiet.resumed], [[], false, true])
    const added: Revocation = { kind: 'token', id: 'https://issuer.example 8', until }
    await store.appendRevocations([added], lifetime)
    for (const cursor of [all.cursor, quiet.cursor]) {
      const next = await other.readRevocations(cursor, 3)
      assert.deepEqual([next.entries, next.more, next.resumed], [[added], false, true])
    }
  },

  'readRevocations() misses no entry of concurrent calls': async ({ store, other }) => {
    const rows = await Promise.all(times(40, () => start(store)))
    const seen = new Set<string>()
    let writing = true
    const follow = async () => {
      for (let cursor: string | null = null, last = false; !last;) {
        // Before the log is read: everything that was written by now must be in it.
        last = !writing
        const next = await readAll(other, { cursor, limit: 7 })
        assert.equal(next.resumed, true)
        for (const { id } of next.entries) seen.add(id)
        cursor = next.cursor
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    const write = Promise.all(rows.map(({ id }, index) => [store, other][index % 2]!.revoke(id, lifetime))).finally(
      () => {
        writing = false
      }
    )
    await Promise.all([write, follow()])
    assert.deepEqual(sorted([...seen]), idsOf(rows))
  },

  'appendRevocations() rounds a fractional `until` up, and accepts Infinity': async ({ store, other }) => {
    const until = (await storeTimeOf(store)) + hourMs + 0.5
    const row = await start(store)
    const entries: Revocation[] = [
      { kind: 'token', id: 'i a', until },
      { kind: 'token', id: 'i b', until: Infinity },
      { kind: 'session', id: row.id, until }
    ]
    await store.appendRevocations(entries, lifetime)
    const read = await readAll(other)
    assert.deepEqual(idsOf(read.entries), idsOf(entries))
    for (const entry of read.entries) {
      assert.ok(Number.isSafeInteger(entry.until), `${entry.id}: until must be whole milliseconds`)
      assert.ok(entry.until >= until, `${entry.id}: until was rounded down`)
    }
  },

  'appendRevocations() rejects an id with U+0000, or preserves it': async ({ store, other }) => {
    const entry: Revocation = { kind: 'token', id: 'i a\0b', until: (await storeTimeOf(store)) + hourMs }
    const isKept = await store.appendRevocations([entry], lifetime).then(
      () => true,
      () => false
    )
    assert.deepEqual((await readAll(other)).entries, isKept ? [entry] : [])
  },

  'readRevocations() does not resume from the cursor of another store': async ({ store, unrelated }) => {
    const until = (await storeTimeOf(store)) + hourMs
    const foreign = await unrelated()
    await foreign.appendRevocations(
      times(3, (index): Revocation => ({ kind: 'token', id: `i foreign${index}`, until })),
      lifetime
    )
    const { cursor } = await readAll(foreign)
    const empty = await store.readRevocations(cursor, 10)
    assert.deepEqual([empty.entries, empty.resumed], [[], false])
    const own = times(5, (index): Revocation => ({ kind: 'token', id: `i own${index}`, until }))
    await store.appendRevocations(own, lifetime)
    const page = await store.readRevocations(cursor, 10)
    assert.equal(page.resumed, false)
    const rest = await readAll(store, { cursor: page.cursor })
    assert.deepEqual(
      new Set(idsOf([...page.entries, ...rest.entries])),
      new Set(idsOf(own)),
      'a page that does not resume must start at the beginning'
    )
    const later = await readAll(store, { cursor: empty.cursor })
    assert.deepEqual([later.resumed, idsOf(later.entries)], [true, idsOf(own)])
    assert.equal((await readAll(store)).entries.length, 5)
  },

  'appendRevocations() keeps the later `until`, and followers read a raised entry again': async ({ store, other }) => {
    const until = (await storeTimeOf(store)) + hourMs
    const token = { kind: 'token', id: 'i raised', until } as const
    const untouched = { kind: 'token', id: 'i untouched', until } as const
    const { storeTime } = await store.appendRevocations([token, untouched], lifetime)
    assert.ok(Number.isSafeInteger(storeTime), 'storeTime must be whole milliseconds')
    const { cursor } = await readAll(other)
    const lower = { ...token, until: until - 1000 }
    await Promise.all(
      times(10, (index) =>
        [store, other][index % 2]!.appendRevocations([index % 3 ? token : lower, untouched], lifetime)
      )
    )
    await store.appendRevocations([], lifetime)
    assert.deepEqual((await readAll(other, { cursor })).entries, [])
    const raised = { ...token, until: until + 1000 }
    await other.appendRevocations([lower, raised, token], lifetime)
    const next = await readAll(store, { cursor })
    assert.deepEqual([next.resumed, next.entries], [true, [raised]])
    assert.deepEqual(
      sorted((await readAll(store)).entries.map(({ id, until }) => `${id} ${until}`)),
      sorted([raised, untouched].map(({ id, until }) => `${id} ${until}`))
    )
  },

  'appendRevocations() revokes a live session that an entry names, at least as long as revoke() does': async ({
    store,
    other
  }) => {
    const sub = randomText()
    const [short, long, dead] = [await start(store, { sub }), await start(store, { sub }), await start(store, { sub })]
    const far = (await storeTimeOf(store)) + 24 * hourMs
    const { revoked } = await store.revoke(dead.id, lifetime)
    const { storeTime } = await store.appendRevocations(
      [
        { kind: 'session', id: short.id, until: (await storeTimeOf(store)) + 1000 },
        { kind: 'session', id: long.id, until: far },
        { kind: 'session', id: dead.id, until: revoked!.until - 1 }
      ],
      lifetime
    )
    // Apart, because no shard has them alone.
    await store.appendRevocations(
      [
        { kind: 'token', id: dead.id, until: far },
        { kind: 'session', id: 'unknown', until: far }
      ],
      lifetime
    )
    for (const row of [short, long]) {
      assert.equal((await rowOf(other, row)).revokedAt, storeTime)
      assert.equal((await other.rotate(row.id, rotation)).applied, false)
    }
    assert.deepEqual(await list(other, short.sub), [])
    const untils = Object.fromEntries(
      (await readAll(other)).entries.map(({ kind, id, until }) => [`${kind} ${id}`, until])
    )
    assert.deepEqual(untils, {
      [`session ${dead.id}`]: revoked!.until,
      [`session ${short.id}`]: storeTime + 660_000,
      [`session ${long.id}`]: far,
      [`token ${dead.id}`]: far,
      'session unknown': far
    })
    assert.equal((await store.revoke(long.id, lifetime)).revoked?.until, far)
  },

  'appendRevocations() logs a later `until` for a session that is already revoked': async ({ store, other }) => {
    const row = await start(store)
    const { revoked } = await store.revoke(row.id, { lifetimeSeconds: 600 })
    const later = { kind: 'session', id: row.id, until: revoked!.until + hourMs } as const
    const { cursor } = await readAll(other)
    await other.appendRevocations([later], lifetime)
    assert.deepEqual((await readAll(other, { cursor })).entries, [later])
  },

  'appendRevocations() accepts thousands of entries in one call': async ({ store, other }) => {
    const until = (await storeTimeOf(store)) + hourMs
    const entries = times(2500, (index): Revocation => ({
      kind: index % 2 ? 'token' : 'session',
      id: `i${index}`,
      until
    }))
    await store.appendRevocations(entries, lifetime)
    assert.deepEqual((await readAll(other, { limit: 1000 })).entries, entries)
  },

  'subscribe() reports that the log has grown, if the store can push': async ({ store, other }) => {
    if (store.subscribe === undefined) return
    const row = await start(other)
    let revokedId = ''
    let pushed: readonly Revocation[] = []
    const { promise, resolve } = signal()
    await store.subscribe({
      wake: resolve,
      revoked(entries) {
        pushed = entries
        if (entries.some(({ id }) => id === revokedId)) resolve()
      },
      heartbeat() {}
    })
    revokedId = row.id
    const { revoked } = await other.revoke(row.id, lifetime)
    await withinSilence(promise)
    const expected = { kind: 'session', id: row.id, until: revoked!.until }
    if (pushed.length > 0) assert.deepEqual(pushed, [expected], 'what is pushed must be what the log returns')
    assert.deepEqual((await readAll(store)).entries, [expected])
  }
}

function signal() {
  let settle = () => {}
  const promise = new Promise<void>((resolve) => {
    settle = resolve
  })
  return { promise, resolve: settle }
}

const longestSilenceMs = 30_000

async function withinSilence(pushed: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const message = `subscribe() did not call \`wake\` or \`revoked\` within ${longestSilenceMs / 1000} s`
  const silence = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new assert.AssertionError({ message })), longestSilenceMs)
  })
  await Promise.race([pushed, silence]).finally(() => clearTimeout(timer))
}
