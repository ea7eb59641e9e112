import t from 'tap'
import { LruMap } from '../../plugin/tokens/lru-map.ts'

t.test('LruMap drops the entry that was read or written the longest time ago', async (t) => {
  const map = new LruMap<string, { n: number }>(3)
  const present = () => ['a', 'b', 'c', 'd', 'e'].filter((key) => map.has(key)).join('')
  for (const [n, key] of ['a', 'b', 'c'].entries()) map.set(key, { n })
  t.strictSame([map.get('a'), map.get('x')], [{ n: 0 }, undefined])
  map.set('d', { n: 3 })
  t.equal(present(), 'acd', 'b was not read')
  map.set('c', { n: 9 })
  map.set('e', { n: 4 })
  t.equal(present(), 'cde', 'has() is not a read')
  t.strictSame(map.get('c'), { n: 9 })
  map.delete('d')
  map.set('a', { n: 5 })
  t.equal(present(), 'ace')
})
