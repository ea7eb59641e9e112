import { alternate, compare, type Burst, type Comparison, type Workload } from './bursts.ts'
import type { Effort } from './effort.ts'

/** Runs a number of operations and resolves to what they took. */
export type Run = (operations: number) => Promise<Burst>

export interface Pair {
  readonly name: string
  readonly subject: Workload
  readonly reference: Workload
}

export type NamedComparison = Comparison & { readonly name: string }

/** @throws Error if no row has this name */
export function rowOf(rows: readonly NamedComparison[], name: string): NamedComparison {
  const row = rows.find((other) => other.name === name)
  if (row === undefined) throw new Error(`no figure is named "${name}"`)
  return row
}

/** How long `run` is warmed up, and how long its bursts are. */
export interface WarmUp extends Pick<Effort, 'burstMs' | 'warmUp'> {
  /** Operations that run in any case, so that each token was seen. Default: 0. */
  readonly atLeast?: number
}

/**
 * Warms `run` up, and finds out how many operations make a burst of `burstMs`. The warm-up is measured in processor
 * time, because the same work takes longer on a busy machine.
 */
export async function warmUp(run: Run, { burstMs, warmUp: limit, atLeast = 0 }: WarmUp) {
  let last = await run(minOperations)
  for (let operations = 0, cpuMs = 0; operations < atLeast || (operations < limit.operations && cpuMs < limit.cpuMs);) {
    last = await run(operationsWithin(burstMs, last))
    operations += last.operations
    cpuMs += last.cpuMicros / 1000
  }
  const operations = operationsWithin(burstMs, last)
  const workload: Workload = {
    async burst() {
      // Not measured: the processor's caches still hold the data of the process that ran before.
      await run(Math.ceil(operations / 5))
      return await run(operations)
    }
  }
  return workload
}

const minOperations = 10

function operationsWithin(ms: number, { wallMicros, operations }: Burst): number {
  return Math.max(minOperations, Math.round((ms * 1000 * operations) / wallMicros))
}

/** Runs every pair in every round, so that a quiet or noisy minute affects all of them. */
export async function comparePairs(
  pairs: readonly Pair[],
  { rounds, turns }: Pick<Effort, 'rounds' | 'turns'>
): Promise<NamedComparison[]> {
  const series = pairs.map((): Burst[][] => [])
  for (let round = 0; round < rounds; round++) {
    for (const [index, { subject, reference }] of pairs.entries()) {
      series[index]!.push(await alternate({ subject, reference }, turns))
    }
  }
  return pairs.map(({ name }, index) => ({ name, ...compare(series[index]!) }))
}
