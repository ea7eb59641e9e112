import type { Exchange } from './lossy-proxy.ts'

/** Tokens live for 3 s, but `exp` is in whole seconds: the server may refuse them up to 1 s sooner. */
const dueAfterMs = 2000
/** Timers of a browser may be early by less than this. */
const toleranceMs = 50

/**
 * The refreshes that were not needed: a tab sent them although a token was new, and no response was lost. With one
 * refresh a lifetime for all tabs, plus one for each lost response, there are none.
 * @param refreshes since all tabs are open. The first one counts as needed: a tab that has just been opened learns from
 *   whole seconds how long the token is valid
 */
export function superfluous(refreshes: readonly Exchange[]): Exchange[] {
  return refreshes.filter((refresh, index) => {
    const earlier = refreshes.slice(0, index)
    if (index === 0 || earlier.at(-1)?.outcome === 'lost') return false
    const issuedAt = Math.max(...earlier.map(({ respondedAt }) => respondedAt))
    return refresh.at - issuedAt < dueAfterMs - toleranceMs
  })
}
