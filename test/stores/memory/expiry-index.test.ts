import t from 'tap'
import { ExpiryIndex } from '../../../plugin/stores/memory/expiry-index.ts'

const minute = 60_000

t.test('due() yields the expired keys, to the millisecond, however often their time was changed', async (t) => {
  const rows: [string, number[]][] = [
    ['set once', [3 * minute + 7]],
    ['later in its minute', [3 * minute, 3 * minute + 9]],
    ['earlier in its minute', [3 * minute + 9, 3 * minute + 1]],
    ['a later minute', [minute, 5 * minute + 1]],
    ['an earlier minute', [5 * minute, minute + 1]],
    ['there and back', [minute, 9 * minute, minute]]
  ]
  for (const [name, times] of rows) {
    const index = new ExpiryIndex()
    index.set('other', 20 * minute)
    for (const time of times) index.set('key', time)
    const last = times.at(-1)!
    t.strictSame(
      [[...index.due(last - 1)], [...index.due(last)], [...index.due(10 * minute)]],
      [[], ['key'], ['key']],
      name
    )
    t.strictSame([...index.due(20 * minute)].sort(), ['key', 'other'], name)
    index.delete('key')
    t.strictSame([...index.due(20 * minute)], ['other'], `${name}, deleted`)
    index.delete('key')
    index.set('key', 2 * minute)
    t.strictSame([...index.due(2 * minute)], ['key'], `${name}, and set again`)
  }
})

t.test('due() continues while the caller deletes the keys that it yields', async (t) => {
  const index = new ExpiryIndex()
  for (let key = 0; key < 100; key++) index.set(`${key}`, key * 1000)
  let found = 0
  for (const key of index.due(99_000)) {
    found++
    index.delete(key)
  }
  t.strictSame([found, [...index.due(99_000)]], [100, []])
})
