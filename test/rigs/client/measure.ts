import type { Browser } from 'playwright-core'
import type { Certified } from '../../fixtures/issuer.ts'
import type { Exchange } from './lossy-proxy.ts'
import type { Tally } from './page/tally.ts'
import { allowed, superfluous } from './refreshes.ts'
import { everyMs, rates, seed, tabCount, timeoutMs } from './settings.ts'
import { openTabs, type Variant } from './tabs.ts'

export interface Figures {
  readonly requests: number
  /** How often the user had to sign in again. */
  readonly signOuts: number
  /** Bodies that the server executed more than once. */
  readonly doubles: number
  /** Bodies whose execution a tab saw confirmed, but which the server did not execute. */
  readonly phantoms: number
  readonly refreshes: number
  /** Refreshes whose response did not reach the tab. */
  readonly lostRefreshes: number
  /** How many refreshes one for each lifetime allows, plus one for each response that was lost. */
  readonly allowed: number
  readonly superfluous: number
  /** Responses with status 401 that reached a caller. */
  readonly refused: number
  /** Requests that failed, by the name of the error. */
  readonly errors: Readonly<Record<string, number>>
  /** Requests whose response the proxy lost, or stalled for 60 s. */
  readonly lost: number
  /** Requests that failed although their response was not lost. */
  readonly unexplained: number
}

/** Runs 8 tabs of one client for some seconds, and counts what they, the proxy and the server saw. */
export async function measure(
  browser: Browser,
  { seconds, certified, ...variant }: Variant & { seconds: number; certified: Certified }
): Promise<Figures> {
  const tabs = await openTabs(browser, { ...variant, ...certified, seed, rates })
  try {
    await tabs.open(tabCount)
    const openedAt = performance.now()
    const tallies = await tabs.run({ seconds, everyMs, timeoutMs })
    const { exchanges } = tabs.proxy
    const refreshes = exchanges.filter(({ kind, at }) => kind === 'refresh' && at > openedAt)
    const lost = new Set(exchanges.filter(isLost).map(({ number }) => number))
    lost.delete(null)
    const { executions } = tabs.server
    return {
      requests: sumOf(tallies.map(requestsOf)),
      signOuts: tabs.signOuts(),
      doubles: [...executions.values()].filter((times) => times > 1).length,
      phantoms: tallies.flatMap(({ confirmed }) => confirmed).filter((number) => !executions.has(number)).length,
      refreshes: refreshes.length,
      lostRefreshes: refreshes.filter(({ outcome }) => outcome === 'lost').length,
      allowed: allowed(refreshes),
      superfluous: superfluous(refreshes).length,
      refused: sumOf(tallies.map(({ statuses }) => statuses[401] ?? 0)),
      errors: sumsOf(tallies.map(({ errors }) => errors)),
      lost: lost.size,
      unexplained: tallies.flatMap(({ failed }) => failed).filter((number) => !lost.has(number)).length
    }
  } finally {
    await tabs.close()
  }
}

function isLost({ fate }: Exchange): boolean {
  return fate === 'lost' || fate === 'stalled 60 s'
}

function requestsOf({ statuses, errors }: Tally): number {
  return sumOf([...Object.values(statuses), ...Object.values(errors)])
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0)
}

function sumsOf(records: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const [name, count] of records.flatMap(Object.entries<number>)) sums[name] = (sums[name] ?? 0) + count
  return sums
}
