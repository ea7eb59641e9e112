import assert from 'node:assert/strict'
import type { FeedEntry } from '../store.ts'
import { ending, hourMs, idsOf, readAll, sorted, start, timeOf, times } from './stage.ts'
import type { Cases } from './stage.ts'

/** The revocation feed: `readFeed()`, `feed()` and `subscribe()`. */
export const feedCases: Cases = {
  'readFeed() can be followed from an empty feed on': async ({ store, other }) => {
    const { now, cursor, ...page } = await store.readFeed(null, 10)
    assert.deepEqual(page, { entries: [], more: false, resumed: true })
    assert.ok(Number.isSafeInteger(now), 'now is not whole milliseconds')
    const row = await start(store)
    await store.revoke(row.id, ending)
    const next = await readAll(other, cursor)
    assert.deepEqual([next.resumed, idsOf(next.entries)], [true, [row.id]])
  },

  'readFeed() reads in pages, and then only what came after': async ({ store, other }) => {
    const until = await timeOf(store) + hourMs
    const entries = times(7, (index): FeedEntry => ({ kind: 'token', id: `https://issuer.example ${index}`, until }))
    await store.feed(entries)
    const all = await readAll(other, null, 3)
    assert.deepEqual(all.entries, entries)
    assert.ok(all.pages >= 3)
    const quiet = await other.readFeed(all.cursor, 3)
    assert.deepEqual([quiet.entries, quiet.more, quiet.resumed], [[], false, true])
    const added: FeedEntry = { kind: 'token', id: 'https://issuer.example 8', until }
    await store.feed([added])
    for (const cursor of [all.cursor, quiet.cursor]) {
      const next = await other.readFeed(cursor, 3)
      assert.deepEqual([next.entries, next.more, next.resumed], [[added], false, true])
    }
  },

  'readFeed() loses nothing to calls that come together': async ({ store, other }) => {
    const rows = await Promise.all(times(40, () => start(store)))
    const seen = new Set<string>()
    let writing = true
    const follow = async () => {
      for (let cursor: string | null = null, last = false; !last;) {
        // Asked before reading: what was written by then is in this reading.
        last = !writing
        const next = await readAll(other, cursor, 7)
        assert.equal(next.resumed, true)
        for (const { id } of next.entries) seen.add(id)
        cursor = next.cursor
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    const write = Promise.all(rows.map(({ id }, index) => [store, other][index % 2]!.revoke(id, ending))).finally(() => { writing = false })
    await Promise.all([write, follow()])
    assert.deepEqual(sorted([...seen]), idsOf(rows))
  },

  'readFeed() does not resume where another store left off': async ({ store, unrelated }) => {
    const until = await timeOf(store) + hourMs
    const foreign = await unrelated()
    await foreign.feed(times(3, (index): FeedEntry => ({ kind: 'token', id: `i foreign${index}`, until })))
    const { cursor } = await readAll(foreign)
    assert.equal((await store.readFeed(cursor, 10)).resumed, false)
    await store.feed(times(5, (index): FeedEntry => ({ kind: 'token', id: `i own${index}`, until })))
    assert.equal((await store.readFeed(cursor, 10)).resumed, false)
    assert.equal((await readAll(store)).entries.length, 5)
  },

  'feed() leaves alone what the feed has': async ({ store, other }) => {
    const until = await timeOf(store) + hourMs
    const row = await start(store)
    const ended = await store.revoke(row.id, ending)
    const token = { kind: 'token', id: row.id, until } as const
    await store.feed([token, { ...token, until: until + 1 }])
    const { cursor, entries } = await readAll(other)
    assert.deepEqual(entries, [{ kind: 'session', id: row.id, until: ended?.until }, token])
    await Promise.all(times(10, (index) =>
      [store, other][index % 2]!.feed([{ ...token, until: until + index }, { kind: 'session', id: row.id, until }])))
    await store.feed([])
    assert.deepEqual((await readAll(other, cursor)).entries, [])
    assert.deepEqual((await readAll(other)).entries, entries)
  },

  'subscribe() wakes when the feed has grown, where the store can push': async ({ store, other }) => {
    if (store.subscribe === undefined) return
    let wake = () => {}
    const woken = new Promise<void>((resolve) => { wake = resolve })
    await store.subscribe(wake)
    const { id } = await start(other)
    await other.revoke(id, ending)
    let timer: NodeJS.Timeout | undefined
    const silence = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new assert.AssertionError({ message: 'subscribe() did not wake within 5 s' })), 5000)
    })
    await Promise.race([woken, silence]).finally(() => clearTimeout(timer))
  }
}
