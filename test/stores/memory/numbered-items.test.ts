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
