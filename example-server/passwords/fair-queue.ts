import type { Network } from '../attempts/client-network.ts'

/**
 * A queue that serves sites in turn, and within a site its addresses in turn: a client with one item does not wait
 * behind another client's hundred. Items of one address keep their order.
 */
export function createFairQueue<Item>() {
  /** At both levels the first entry is served next, because a Map keeps the order of insertion. */
  const sites = new Map<string, Map<string, Item[]>>()
  let size = 0

  return {
    size: (): number => size,

    sizeOf({ site, address }: Network): { site: number; address: number } {
      const addresses = sites.get(site) ?? new Map<string, Item[]>()
      const ofSite = [...addresses.values()].reduce((sum, items) => sum + items.length, 0)
      return { site: ofSite, address: addresses.get(address)?.length ?? 0 }
    },

    push(item: Item, { site, address }: Network): void {
      const addresses = sites.get(site) ?? new Map<string, Item[]>()
      sites.set(site, addresses.set(address, [...(addresses.get(address) ?? []), item]))
      size++
    },

    shift(): Item | undefined {
      const site = takeFirst(sites)
      if (site === undefined) return undefined
      const address = takeFirst(site.value)!
      const [item, ...others] = address.value
      if (others.length > 0) site.value.set(address.key, others)
      if (site.value.size > 0) sites.set(site.key, site.value)
      size--
      return item
    },

    /** Removes and returns all items. */
    clear(): Item[] {
      const items = [...sites.values()].flatMap((addresses) => [...addresses.values()].flat())
      sites.clear()
      size = 0
      return items
    }
  }
}

/** Removes and returns the first entry. */
function takeFirst<Value>(map: Map<string, Value>): { key: string; value: Value } | undefined {
  const [first] = map
  if (first === undefined) return undefined
  const [key, value] = first
  map.delete(key)
  return { key, value }
}
