import type { Effort } from './effort.ts'

/** How long the event loop did nothing else. */
export interface Pause {
  /** What the process did, with the number of entries. */
  readonly what: string
  /** The longest stop in milliseconds: median over the runs. */
  readonly longestMs: number
}

export async function measurePauses(_effort: Effort): Promise<Pause[]> {
  return []
}
