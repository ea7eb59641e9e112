import t from 'tap'
import { NumberedItems } from '../../../plugin/stores/memory/numbered-items.ts'

t.test('after() yields the items with a higher number, in order, without those that were deleted', async (t) => {
  const numbered = new NumberedItems<{ number: number }>()
  const items = Array.from({ length: 2600 }, (_, index) => ({ number: index + 1 }))
  for (const item of items) numbered.add(item)
  const isDeleted = ({ number }: { number: number }) => number % 3 === 0 || (number > 400 && number < 2100)
  for (const item of items.filter(isDeleted)) numbered.delete(item)
  const left = items.filter((item) => !isDeleted(item))
  for (const number of [0, 1, 2, 400, 499, 500, 501, 1500, 2100, 2499, 2500, 2599, 2600, 9000]) {
    t.strictSame(
      [...numbered.after(number)],
      left.filter((item) => item.number > number),
      `after ${number}`
    )
  }
})

t.test('delete() drops a chunk as soon as all its items were deleted', async (t) => {
  const numbered = new NumberedItems<{ number: number }>()
  const items = Array.from({ length: 1000 }, (_, index) => ({ number: index + 1 }))
  for (const item of items) numbered.add(item)
  const original = Map.prototype.delete
  const dropped: [number: number, chunk: unknown][] = []
  let current = 0
  t.intercept(Map.prototype, 'delete', {
    value(this: Map<unknown, unknown>, key: unknown) {
      dropped.push([current, key])
      return original.call(this, key)
    },
    configurable: true,
    writable: true
  })
  for (const item of items) {
    current = item.number
    numbered.delete(item)
  }
  const result = [...dropped]
  t.strictSame(result.slice(0, 3), [
    [499, 0],
    [999, 1],
    [1000, 2]
  ])
})

t.test('after() does not look at items in chunks before the number', async (t) => {
  const numbered = new NumberedItems<{ number: number }>()
  let reads = 0
  numbered.add({
    get number() {
      reads++
      return 7
    }
  })
  numbered.add({ number: 1200 })
  reads = 0
  t.strictSame([...numbered.after(600)], [{ number: 1200 }])
  t.equal(reads, 0)
})
