import t from 'tap'
import { IdTable } from '../../../plugin/stores/memory/id-table.ts'

t.test('IdTable does what a Map does, however items are added and deleted', async (t) => {
  const table = new IdTable<{ id: string }>()
  const map = new Map<string, { id: string }>()
  const ids = Array.from({ length: 3000 }, (_, number) => `id ${number}`)
  let seed = 1
  const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below
  for (const [share, rounds] of [
    [9, 6000],
    [5, 6000],
    [1, 9000],
    [8, 4000],
    [0, 9000]
  ] as const) {
    for (let round = 0; round < rounds; round++) {
      const id = ids[random(ids.length)]!
      if (random(10) >= share) {
        table.delete(id)
        map.delete(id)
      } else if (!map.has(id)) {
        const item = { id }
        table.add(item)
        map.set(id, item)
      }
    }
    t.strictSame(
      ids.filter((id) => table.get(id) !== map.get(id)),
      [],
      `with ${map.size} items`
    )
  }
  t.equal(table.get(''), undefined)
})

t.test('IdTable distinguishes ids with the same hash', async (t) => {
  const table = new IdTable<{ id: string }>()
  const items = ['costarring', 'liquid', 'declinate', 'macallums', 'altarage', 'zinke'].map((id) => ({ id }))
  for (const item of items) table.add(item)
  t.strictSame(
    items.map(({ id }) => table.get(id)),
    items
  )
  table.delete('costarring')
  t.strictSame([table.get('costarring'), table.get('liquid')], [undefined, items[1]])
})

t.test('IdTable doubles as soon as more than half of it is full, and halves below an eighth', async (t) => {
  const lengths: number[] = []
  class Recorded extends Int32Array {
    constructor(length: number) {
      super(length)
      lengths.push(length)
    }
  }
  t.intercept(globalThis, 'Int32Array', { value: Recorded, configurable: true })
  const table = new IdTable<{ id: string }>()
  const resized: [size: number, length: number][] = []
  const record = (size: number) => resized.push(...lengths.splice(0).map((length): [number, number] => [size, length]))
  record(0)
  for (let size = 1; size <= 70; size++) {
    table.add({ id: `id ${size}` })
    record(size)
  }
  table.delete('unknown')
  for (let size = 69; size >= 0; size--) {
    table.delete(`id ${size + 1}`)
    record(size)
  }
  t.strictSame(resized, [
    [0, 16],
    [9, 32],
    [17, 64],
    [33, 128],
    [65, 256],
    [31, 128],
    [15, 64],
    [7, 32],
    [3, 16]
  ])
})

t.test('IdTable finds an item without reading the ids of others', async (t) => {
  const table = new IdTable<{ id: string }>()
  let reads = 0
  const ids = Array.from({ length: 5000 }, (_, index) => `${String.fromCharCode(33 + (index % 90))}${index >> 3}`)
    .filter((id, index, all) => all.indexOf(id) === index)
    .map((id) => id.padEnd(22, '.'))
  for (const id of ids) {
    table.add({
      get id() {
        reads++
        return id
      }
    })
  }
  reads = 0
  t.strictSame(
    ids.filter((id) => table.get(id) === undefined),
    []
  )
  t.equal(reads, ids.length)
})

t.test('IdTable holds an id of which the hash is 0', async (t) => {
  const table = new IdTable<{ id: string }>()
  const item = { id: 'id 100640\u250b' }
  table.add(item)
  for (let index = 0; index < 100; index++) table.add({ id: `id ${index}` })
  t.equal(table.get(item.id), item)
  table.delete(item.id)
  t.equal(table.get(item.id), undefined)
})
