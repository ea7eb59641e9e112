import t from 'tap'
import { ClockMap } from '../../plugin/tokens/clock-map.ts'
import { collectGarbage } from '../fixtures/heap.ts'

interface Entry {
  readonly value: number
  wasUsed: boolean
}

function createMap(size: number, count = 0) {
  const map = new ClockMap<Entry>(size)
  const set = (value: number) => map.set(`${value}`, { value, wasUsed: false })
  const get = (value: number) => map.get(`${value}`)?.value
  for (let value = 0; value < count; value++) set(value)
  return { map, set, get }
}

/** The numbers below `count` that the map holds. */
function heldBy({ get }: Pick<ReturnType<typeof createMap>, 'get'>, count: number): number[] {
  return Array.from({ length: count }, (_, value) => value).filter((value) => get(value) === value)
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index)

t.test('ClockMap keeps the newest `size` entries if none was read', async (t) => {
  for (const size of [0, 1, 2, 3, 7, 10]) {
    for (const count of range(0, 25)) {
      t.strictSame(heldBy(createMap(size, count), 25), range(Math.max(0, count - size), count), `${count} of ${size}`)
    }
  }
})

t.test('ClockMap keeps exactly `size` entries of a million', async (t) => {
  const size = 1000
  const count = 1_000_000
  t.strictSame(heldBy(createMap(size, count), count), range(count - size, count))

  const read = createMap(size)
  for (let value = 0; value < count; value++) {
    read.set(value)
    read.get(value % 10)
    read.get(value - 500)
  }
  const held = heldBy(read, count)
  t.equal(held.length, size, 'also if many are read')
  t.strictSame(held.slice(0, 10), range(0, 10), 'and what is in use stays')
})

t.test('ClockMap holds `size` entries that are read in turn, each at every turn', async (t) => {
  const size = 1000
  const { get } = createMap(size, size)
  for (let turn = 0; turn < 3; turn++) t.equal(range(0, size).filter((value) => get(value) === value).length, size)
})

t.test('ClockMap removes the first entry that was not read since the hand passed it', async (t) => {
  const { map, set, get } = createMap(4, 4)
  get(0)
  get(2)
  set(4)
  t.strictSame([map.get('1'), get(4)], [undefined, 4], '0 is passed, and 1 removed')
  set(5)
  t.strictSame([get(2), map.get('3'), get(5)], [2, undefined, 5], '2 is passed, and 3 removed')
  t.equal(get(0), 0)
})

t.test('ClockMap goes round: an entry that it passed gives way, if it was not read again', async (t) => {
  const { map, set, get } = createMap(2, 2)
  t.strictSame([get(0), get(1)], [0, 1])
  set(2)
  set(3)
  t.strictSame([map.get('0'), map.get('1')], [undefined, undefined], 'both were read before they were passed')
  t.strictSame([get(2), get(3)], [2, 3])
})

t.test('ClockMap continues where it was when entries are deleted, unless more are deleted than are left', async (t) => {
  const { map, set, get } = createMap(6)
  const fill = () => {
    for (const value of range(0, 6)) set(value)
    get(0)
    set(6)
  }
  for (const round of ['once', 'again']) {
    fill()
    for (const key of ['2', '3', '4', 'unknown']) map.delete(key)
    for (const value of [7, 8, 9, 10]) set(value)
    t.equal(map.get('5'), undefined, `${round}: after 3 of 6, the next is 5`)
    t.equal(get(0), 0)

    map.clear()
    fill()
    for (const key of ['2', '3', '4', '5']) map.delete(key)
    for (const value of [7, 8, 9, 10, 11]) set(value)
    t.equal(map.get('0'), undefined, `${round}: after 4 of 6, the next is the first`)
    t.equal(get(6), 6)
    for (const key of ['7', '8', '9']) map.delete(key)
    for (const value of [12, 13, 14, 15]) set(value)
    t.strictSame([get(6), get(10)], [6, undefined], `${round}: and then it continues`)
    map.clear()
  }
})

t.test('ClockMap passes at most 64 entries for a new one', async (t) => {
  const { set, get } = createMap(200, 200)
  const all = range(0, 200)
  t.equal(all.filter((value) => get(value) === value).length, 200, 'all are in use')
  set(200)
  t.equal(get(64), undefined, 'one of them gives way')
  t.strictSame(heldBy({ get }, 201), [...range(0, 64), ...range(65, 201)])
})

t.test('ClockMap.set() replaces the entry of a key, and removes no other', async (t) => {
  const { map, get } = createMap(3, 3)
  map.set('1', { value: 7, wasUsed: false })
  t.strictSame([get(0), get(1), get(2)], [0, 7, 2])
})

t.test('ClockMap forgets what was deleted, and everything by clear(), and is filled again', async (t) => {
  const full = createMap(4, 7)
  full.map.delete('5')
  t.strictSame(heldBy(full, 9), [3, 4, 6])
  full.set(7)
  t.strictSame(heldBy(full, 9), [3, 4, 6, 7], 'its place is free')
  full.map.clear()
  t.strictSame(heldBy(full, 9), [])
  for (const value of range(0, 6)) full.set(value)
  t.strictSame(heldBy(full, 9), [2, 3, 4, 5])
})

t.test('ClockMap releases the memory of entries that were deleted before it was full', async (t) => {
  const map = new ClockMap<Entry>(10_000)
  const entries: WeakRef<Entry>[] = []
  for (let value = 0; value < 2000; value++) {
    const entry = { value, wasUsed: false }
    entries.push(new WeakRef(entry))
    map.set(`${value}`, entry)
    if (value >= 10) map.delete(`${value - 10}`)
  }
  await collectGarbage()
  const held = entries.filter((entry) => entry.deref() !== undefined)
  t.ok(held.length < 100, `${held.length} entries of 10 that it has`)
})

t.test('ClockMap.clear() releases the memory of all entries', async (t) => {
  const { map, set, get } = createMap(100, 100)
  get(0)
  set(100)
  const entry = new WeakRef(map.get('50')!)
  map.clear()
  await collectGarbage()
  t.equal(entry.deref(), undefined)
})
