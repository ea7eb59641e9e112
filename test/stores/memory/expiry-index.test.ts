import t from 'tap'
import { ExpiryIndex, type Expiring } from '../../../plugin/stores/memory/expiry-index.ts'

interface Item extends Expiring {
  readonly name: string
  time: number
}

const minute = 60_000
const item = (name: string, time: number): Item => ({ name, time, bucket: null, position: 0 })
const newIndex = () => new ExpiryIndex<Item>(({ time }) => time)

/** The names of the items that a sweep takes out, and how many it looked at. */
function sweep(index: ExpiryIndex<Item>, now: number) {
  const names: string[] = []
  const steps = [...index.sweep(now, ({ name }) => names.push(name))].length
  return { names: names.sort(), steps }
}

t.test('sweep() takes out what has expired, to the millisecond, however often its time was changed', async (t) => {
  const rows: [string, number[]][] = [
    ['set once', [3 * minute + 7]],
    ['later in its minute', [3 * minute, 3 * minute + 9]],
    ['earlier in its minute', [3 * minute + 9, 3 * minute + 1]],
    ['a later minute', [minute, 5 * minute + 1]],
    ['an earlier minute', [5 * minute, minute + 1]],
    ['there and back', [minute, 9 * minute, minute]]
  ]
  for (const [name, times] of rows) {
    const index = newIndex()
    const [first, other] = [item('item', 0), item('other', 20 * minute)]
    for (const one of [item('same minute', times[0]!), other]) index.set(one)
    for (const time of times) {
      first.time = time
      index.set(first)
    }
    const last = times.at(-1)!
    t.notOk(sweep(index, last - 1).names.includes('item'), `${name}, too early`)
    t.ok(sweep(index, last).names.includes('item'), name)
    t.notOk(sweep(index, 19 * minute).names.includes('item'), `${name}, only once`)
    first.time = 2 * minute
    index.set(first)
    t.strictSame(sweep(index, 2 * minute).names, ['item'], `${name}, and set again`)
    index.set(first)
    index.delete(first)
    index.delete(first)
    t.strictSame(sweep(index, 20 * minute).names, ['other'], `${name}, deleted`)
  }
})

t.test('sweep() looks at an item whose time became later once, and then when that time has passed', async (t) => {
  const index = newIndex()
  const refreshed = item('refreshed', minute)
  index.set(refreshed)
  for (let time = 2; time <= 100; time++) {
    refreshed.time = time * minute
    index.set(refreshed)
  }
  t.strictSame(sweep(index, 99 * minute), { names: [], steps: 1 })
  t.strictSame(sweep(index, 99 * minute), { names: [], steps: 0 })
  t.strictSame(sweep(index, 100 * minute), { names: ['refreshed'], steps: 1 })
})

t.test('sweep() continues when items are added, moved and taken out between its steps', async (t) => {
  const index = newIndex()
  const items = Array.from({ length: 100 }, (_, number) => item(`${number}`, number * 600))
  for (const one of items) index.set(one)
  const taken: string[] = []
  let step = 0
  const sweeping = index.sweep(minute, ({ name }) => taken.push(name))
  while (sweeping.next().done === false) {
    step++
    if (step === 10) for (const one of items.slice(0, 20)) index.delete(one)
    if (step === 20) for (const one of items.slice(20, 30)) one.time = 2 * minute
    if (step === 30) index.set(item('added', 1))
  }
  t.strictSame(
    [...taken, ...sweep(index, minute).names].sort(),
    [...items.slice(30).map(({ name }) => name), 'added'].sort()
  )
  t.equal(sweep(index, 2 * minute).names.length, 10)
})

t.test('sweep() does not look at items that expire in a later minute', async (t) => {
  const index = newIndex()
  for (const time of [3 * minute, 4 * minute]) index.set(item('item', time))
  t.strictSame(sweep(index, 3 * minute - 1), { names: [], steps: 0 })
  t.strictSame(sweep(index, 3 * minute), { names: ['item'], steps: 1 })
})

t.test('delete() forgets a minute with its last item, and so does sweep()', async (t) => {
  const index = newIndex()
  const items = [1, 2, minute, minute + 1, 2 * minute].map((time) => item(`${time}`, time))
  for (const one of items) index.set(one)
  const forgotten: unknown[] = []
  const original = Map.prototype.delete
  t.intercept(Map.prototype, 'delete', {
    value(this: Map<unknown, unknown>, key: unknown) {
      forgotten.push(key)
      return original.call(this, key)
    },
    configurable: true,
    writable: true
  })
  index.delete(items[0]!)
  const before = [...forgotten]
  index.delete(items[1]!)
  const after = [...forgotten]
  sweep(index, 2 * minute - 1)
  const swept = [...forgotten]
  t.strictSame([before, after, swept], [[], [0], [0, 1]])
})
