import { alternate, compare, type Burst, type Comparison, type Contestant } from './bursts.ts'
import type { Effort } from './effort.ts'

export type Run = (operations: number) => Promise<Burst>

export interface Pair {
  readonly name: string
  readonly subject: Contestant
  readonly reference: Contestant
}

export type Compared = Comparison & { readonly name: string }

/** Runs it in until it has warmed up, and finds out how many operations make a burst of the length that is wanted. */
export async function prepare (run: Run, { burstMs, warmUp }: Pick<Effort, 'burstMs' | 'warmUp'>): Promise<Contestant> {
  const until = performance.now() + warmUp.ms
  let last = await run(fewest)
  for (let done = fewest; done < warmUp.operations && performance.now() < until; done += last.operations) {
    last = await run(operationsWithin(burstMs, last))
  }
  const operations = operationsWithin(burstMs, last)
  return { burst: () => run(operations) }
}

const fewest = 10

function operationsWithin (ms: number, { wallMicros, operations }: Burst): number {
  return Math.max(fewest, Math.round(ms * 1000 * operations / wallMicros))
}

/** All pairs in every round, so that no one of them has the quiet or the noisy minute for itself. */
export async function comparePairs (pairs: readonly Pair[], { rounds, turns }: Pick<Effort, 'rounds' | 'turns'>): Promise<Compared[]> {
  const series = pairs.map((): Burst[][] => [])
  for (let round = 0; round < rounds; round++) {
    for (const [index, { subject, reference }] of pairs.entries()) series[index]!.push(await alternate(subject, reference, turns))
  }
  return pairs.map(({ name }, index) => ({ name, ...compare(series[index]!) }))
}
