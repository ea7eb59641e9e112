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
