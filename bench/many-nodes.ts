import type { Effort } from './effort.ts'

/** What many nodes over one Redis cost it. */
export interface ManyNodes {
  readonly nodes: number
  /** Scripts that Redis ran from one sign-out until every node had applied it: median. */
  readonly scriptsPerSignOut: number
  /** While nothing happens, of all nodes together. */
  readonly idleScriptsPerSecond: number
}

/** Resolves to `null` if Redis is not installed. */
export async function measureManyNodes(_effort: Effort): Promise<ManyNodes | null> {
  return null
}
