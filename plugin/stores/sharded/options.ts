import { factoryOptionError, kindOf, show } from '../factory-options.ts'
import type { SessionStore } from '../session-store.ts'
import { shardNameShape } from './session-id.ts'

/** A set of `sets`, checked. */
interface CheckedSet {
  readonly from: number
  readonly shards: readonly string[]
}

const anInstant = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/

/** @throws TypeError that names what is not a shard */
export function checkShards(shards: unknown): ReadonlyMap<string, SessionStore> {
  if (typeof shards !== 'object' || shards === null || typeof (shards as SessionStore).rotate === 'function') {
    throw wrong('shards', { expected: 'stores, as a list or by name', received: kindOf(shards) })
  }
  const stores = new Map<string, SessionStore>()
  for (const [name, store] of Object.entries(shards as Record<string, SessionStore>)) {
    const option = `shards.${name}`
    if (!shardNameShape.test(name)) {
      throw wrong('shards', { expected: 'named by 1 to 16 letters, digits and "-"', received: show(name) })
    }
    if (typeof store?.rotate !== 'function') {
      throw wrong(option, { expected: 'a SessionStore, such as redisStore(client)', received: kindOf(store) })
    }
    if (store.shards !== undefined || store.newId !== undefined) {
      throw wrong(option, { expected: 'a store that makes no ids of its own', received: 'one with newId()' })
    }
    const same = [...stores].find(([, other]) => other === store)
    if (same !== undefined) throw wrong(option, { expected: 'another store', received: `that of "${same[0]}"` })
    stores.set(name, store)
  }
  if (stores.size === 0) throw wrong('shards', { expected: 'at least one store', received: 'none' })
  return stores
}

/** @throws TypeError that names the set */
export function checkSets(sets: unknown, names: readonly string[]): readonly CheckedSet[] {
  if (sets === undefined) return [{ from: -Infinity, shards: names }]
  if (!Array.isArray(sets) || sets.length === 0) {
    throw wrong('sets', { expected: 'a list of shard sets, the oldest first', received: showNoItems(sets) })
  }
  const checked = sets.map((set: unknown, index) => checkSet(set, { option: `sets.${index}`, names }))
  checked.forEach(({ from }, index) => {
    if (index === 0 || from > checked[index - 1]!.from) return
    const received = show(sets[index].from)
    throw wrong(`sets.${index}.from`, { expected: 'present, and later than that of the set before', received })
  })
  const unused = names.find((name) => !checked.some(({ shards }) => shards.includes(name)))
  if (unused === undefined) return checked
  throw wrong('sets', { expected: 'sets with every shard', received: `none with "${unused}"` })
}

function checkSet(set: unknown, { option, names }: { option: string; names: readonly string[] }): CheckedSet {
  if (typeof set !== 'object' || set === null) {
    throw wrong(option, { expected: '{ from, shards }', received: show(set) })
  }
  const unknown = Object.keys(set).find((name) => !['from', 'shards'].includes(name))
  if (unknown !== undefined) throw wrong(option, { expected: '{ from, shards }', received: `"${unknown}"` })
  const { from, shards } = set as { from?: unknown; shards?: unknown }
  return { from: checkFrom(from, `${option}.from`), shards: checkNames(shards, { option: `${option}.shards`, names }) }
}

function checkFrom(from: unknown, option: string): number {
  if (from === undefined) return -Infinity
  const time = typeof from === 'string' && anInstant.test(from) ? Date.parse(from) : NaN
  if (!Number.isNaN(time)) return time
  throw wrong(option, { expected: 'a time with its zone, such as "2027-01-31T09:00:00Z"', received: show(from) })
}

function checkNames(given: unknown, { option, names }: { option: string; names: readonly string[] }): string[] {
  if (!Array.isArray(given) || given.length === 0) {
    throw wrong(option, { expected: 'a list of names of shards', received: showNoItems(given) })
  }
  const odd = given.find((name, index) => !names.includes(name) || given.indexOf(name) !== index)
  if (odd === undefined) return [...given]
  throw wrong(option, { expected: `different names out of ${names.join(', ')}`, received: show(odd) })
}

/** @throws TypeError that names what is not a former shard */
export function checkRemoved(removed: unknown, names: readonly string[]): readonly string[] {
  if (removed === undefined) return []
  if (!Array.isArray(removed)) {
    throw wrong('removed', { expected: 'a list of names of former shards', received: show(removed) })
  }
  const odd = removed.find((name) => typeof name !== 'string' || !shardNameShape.test(name) || names.includes(name))
  if (odd === undefined) return [...removed]
  throw wrong('removed', { expected: 'names of shards that are no longer listed', received: show(odd) })
}

/** Shows what was passed in place of a list with items. */
function showNoItems(value: unknown): string {
  return Array.isArray(value) ? 'an empty list' : show(value)
}

function wrong(option: string, { expected, received }: { expected: string; received: string }): TypeError {
  return factoryOptionError({ factory: 'shardedStore', option, expected, received })
}
