import type { Exchange } from './lossy-proxy.ts'

/**
 * A token lives for 3 s, but `exp` is in whole seconds: the server refuses it up to 1 s sooner. Before that, no tab has
 * a reason to refresh.
 */
const leastMs = 2000

/**
 * How many refreshes one for each lifetime allows, plus one for each response that was lost.
 * @param refreshes in the order in which they arrived
 */
export function allowed(refreshes: readonly Exchange[]): number {
  const [first, last] = [refreshes[0], refreshes.at(-1)]
  if (!first || !last) return 0
  const lost = refreshes.filter(({ outcome }) => outcome === 'lost').length
  return 1 + Math.ceil((last.at - first.at) / leastMs) + lost
}

/**
 * The refreshes that were not needed: the one before has just arrived, and its response was not lost. On a busy machine
 * requests are late, but not by half of the least time between two of them.
 * @param refreshes in the order in which they arrived
 */
export function superfluous(refreshes: readonly Exchange[]): Exchange[] {
  return refreshes.filter(({ at }, index) => {
    const before = refreshes[index - 1]
    return before !== undefined && before.outcome !== 'lost' && at - before.at < leastMs / 2
  })
}
