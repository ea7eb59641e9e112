/** How long is measured: what a full run does, and what `--quick` does in its place. */
export interface Effort {
  readonly name: 'full' | 'quick'
  /** How long one burst lasts, roughly. */
  readonly burstMs: number
  /** Before the first burst, so that the compiler has done its work: so many operations, or so much processor time. */
  readonly warmUp: { readonly operations: number; readonly cpuMs: number }
  /** Bursts of a subject at a stretch, by turns with its reference. */
  readonly turns: number
  /** How often it is every subject's turn. */
  readonly rounds: number
  /** `accessToken.cacheSize` where each token is to be one not seen before; there are more tokens than this. */
  readonly coldCacheSize: number
  readonly revocations: readonly number[]
  /** Sessions in a store that holds few, and in one that holds many. */
  readonly sessions: { readonly few: number; readonly many: number }
  /** How many are held in memory to find out what one takes. */
  readonly held: { readonly tokens: number; readonly revocations: number }
  readonly starts: number
}

export const full: Effort = {
  name: 'full',
  burstMs: 30,
  warmUp: { operations: 100_000, cpuMs: 5000 },
  turns: 3,
  rounds: 12,
  coldCacheSize: 10_000,
  revocations: [1e3, 1e5, 1e6],
  sessions: { few: 1e3, many: 1e6 },
  held: { tokens: 10_000, revocations: 1e6 },
  starts: 9
}

export const quick: Effort = {
  name: 'quick',
  burstMs: 20,
  warmUp: { operations: 12_000, cpuMs: 450 },
  turns: 2,
  rounds: 3,
  coldCacheSize: 1000,
  revocations: [1e3, 1e6],
  sessions: { few: 1e3, many: 1e5 },
  held: { tokens: 10_000, revocations: 1e6 },
  starts: 1
}
