import type { Browser } from 'playwright-core'
import type { Certified } from '../../fixtures/issuer.ts'
import type { Tally } from './page/tally.ts'
import { superfluous } from './refreshes.ts'
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
  /** Refreshes whose response did not reach the tab that waited for it. */
  readonly lostRefreshes: number
  readonly superfluous: number
  /** Responses with status 401 that reached a caller. */
  readonly refused: number
  /** Requests that failed, by the name of the error. */
  readonly errors: Readonly<Record<string, number>>
  /** Callers' requests whose response the proxy lost, or stalled for 60 s. */
  readonly lostResponses: number
}

/** Runs 8 tabs of one client for some seconds, and counts what they, the proxy and the server saw. */
export async function measure(
  browser: Browser,
  { seconds, certified, ...variant }: Variant & { seconds: number; certified: Certified }
): Promise<Figures> {
  const tabs = await openTabs(browser, { ...variant, ...certified, seed, rates })
  try {
    const { signedInAt } = await tabs.open(tabCount)
    const tallies = await tabs.run({ seconds, everyMs, timeoutMs })
    const { exchanges } = tabs.proxy
    const refreshes = exchanges.filter(({ kind, at }) => kind === 'refresh' && at > signedInAt)
    const ofCallers = exchanges.filter(({ kind }) => kind === 'read' || kind === 'write')
    const { executions } = tabs.server
    return {
      requests: sumOf(tallies.map(requestsOf)),
      signOuts: tabs.signOuts(),
      doubles: [...executions.values()].filter((times) => times > 1).length,
      phantoms: tallies.flatMap(({ confirmed }) => confirmed).filter((number) => !executions.has(number)).length,
      refreshes: refreshes.length,
      lostRefreshes: refreshes.filter(({ delivered }) => !delivered).length,
      superfluous: superfluous(refreshes, { signedInAt }).length,
      refused: sumOf(tallies.map(({ statuses }) => statuses[401] ?? 0)),
      errors: sumsOf(tallies.map(({ errors }) => errors)),
      lostResponses: ofCallers.filter(({ fate }) => fate === 'lost' || fate === 'stalled 60 s').length
    }
  } finally {
    await tabs.close()
  }
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
