import t from 'tap'
import { hashOf, Parts } from '../../../plugin/stores/memory/parts.ts'

t.test('Parts finds the same part for a key each time, and spreads keys evenly', async (t) => {
  let created = 0
  const parts = new Parts(() => {
    created++
    return new Set<string>()
  })
  const keys = Array.from({ length: 6400 }, (_, number) => `user-${number}`)
  for (const key of keys) parts.of(key).add(key)
  t.ok(keys.every((key) => parts.of(key).has(key)))
  const sizes = [...new Set(keys.map((key) => parts.of(key)))].map(({ size }) => size)
  t.strictSame([created, sizes.length], [64, 64])
  t.ok(Math.min(...sizes) > 50 && Math.max(...sizes) < 150, `${Math.min(...sizes)} to ${Math.max(...sizes)}`)
})

t.test('Parts leaves the lower bits of the hash to the tables in it', async (t) => {
  const parts = new Parts(() => new Set<number>())
  for (let number = 0; number < 64_000; number++) parts.of(`user-${number}`).add(hashOf(`user-${number}`) & 63)
  t.strictSame([parts.of('').size, parts.of('a').size, parts.of('user-1').size], [64, 64, 64])
})

t.test('hashOf() is FNV-1a', async (t) => {
  // Test vectors of the authors of FNV, as signed integers.
  for (const [text, hash] of [
    ['', 0x811c9dc5],
    ['a', 0xe40c292c],
    ['foobar', 0xbf9cf968]
  ] as const) {
    t.equal(hashOf(text), hash | 0, text)
  }
})
