import { alternate, compare, type Burst, type Comparison, type Contestant } from './bursts.ts'
import type { Effort } from './effort.ts'

export type Run = (operations: number) => Promise<Burst>

export interface Pair {
  readonly name: string
  readonly subject: Contestant
  readonly reference: Contestant
}

export type Compared = Comparison & { readonly name: string }

/**
 * Runs it in until it has warmed up, and finds out how many operations make a burst of the length that is wanted. What
 * ends the warming up is processor time: on a busy machine, the same takes longer.
 */
export async function prepare(run: Run, { burstMs, warmUp }: Pick<Effort, 'burstMs' | 'warmUp'>): Promise<Contestant> {
  let last = await run(fewest)
  for (let operations = 0, cpuMs = 0; operations < warmUp.operations && cpuMs < warmUp.cpuMs;) {
    last = await run(operationsWithin(burstMs, last))
    operations += last.operations
    cpuMs += last.cpuMicros / 1000
  }
  const operations = operationsWithin(burstMs, last)
  return {
    async burst() {
      // Not counted: until what another process left in the processor's caches has gone.
      await run(Math.ceil(operations / 5))
      return await run(operations)
    }
  }
}

const fewest = 10

function operationsWithin(ms: number, { wallMicros, operations }: Burst): number {
  return Math.max(fewest, Math.round((ms * 1000 * operations) / wallMicros))
}

/** All pairs in every round, so that no one of them has the quiet or the noisy minute for itself. */
export async function comparePairs(
  pairs: readonly Pair[],
  { rounds, turns }: Pick<Effort, 'rounds' | 'turns'>
): Promise<Compared[]> {
  const series = pairs.map((): Burst[][] => [])
  for (let round = 0; round < rounds; round++) {
    for (const [index, { subject, reference }] of pairs.entries()) {
      series[index]!.push(await alternate(subject, reference, turns))
    }
  }
  return pairs.map(({ name }, index) => ({ name, ...compare(series[index]!) }))
}
