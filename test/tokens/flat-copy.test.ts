import t from 'tap'
import { flatCopy } from '../../plugin/tokens/flat-copy.ts'
import { heapMegabytes } from '../fixtures/heap.ts'

t.test('flatCopy() returns the same text', async (t) => {
  for (const text of ['', 'a', 'ab', '\0', '\0a', '\u0001', 'é', '😀', 'x'.repeat(8192)]) {
    t.equal(flatCopy(text), text, `${text.length} characters`)
  }
})

t.test('flatCopy() does not keep the header alive from which a token was cut', async (t) => {
  const padding = Buffer.alloc(2 ** 18, 'x')
  const cut = (index: number) =>
    `${padding.toString('latin1')}; access=token ${`${index}`.padStart(50)}`.slice(padding.length)
  const before = await heapMegabytes()
  const copies = Array.from({ length: 200 }, (_, index) => flatCopy(cut(index)))
  const growth = (await heapMegabytes()) - before
  t.ok(growth < 10, `${copies.length} copies keep ${growth.toFixed(1)} MiB: their headers have 50 MiB`)
})
