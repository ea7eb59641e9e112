/** What a burst of operations took. */
export interface Burst {
  readonly operations: number
  /** Processor time of the measured process. */
  readonly cpuMicros: number
  readonly wallMicros: number
}

/** What is measured: one burst after another. */
export interface Contestant {
  burst (): Promise<Burst>
}

export interface Figure {
  /** Median over the bursts of one operation. */
  readonly cpuMicros: number
  readonly wallMicros: number
}

export interface Comparison {
  readonly subject: Figure
  readonly reference: Figure
  /** Medians of the ratios, each of a burst to the mean of the reference's bursts right before and after it. */
  readonly ratio: Figure
  readonly bursts: number
}

export function median (values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('There is no median of nothing')
  const sorted = [...values].sort((one, another) => one - another)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/**
 * A burst of the reference, then by turns one of the subject and one of the reference: whatever slows the machine down
 * for longer than three bursts slows both down, so that the ratio holds where times do not.
 */
export async function alternate (subject: Contestant, reference: Contestant, turns: number): Promise<Burst[]> {
  const bursts = [await reference.burst()]
  for (let turn = 0; turn < turns; turn++) bursts.push(await subject.burst(), await reference.burst())
  return bursts
}

/** @param series results of {@link alternate} */
export function compare (series: readonly (readonly Burst[])[]): Comparison {
  const subjects = series.flatMap((bursts) => bursts.filter((_, index) => index % 2 === 1))
  const references = series.flatMap((bursts) => bursts.filter((_, index) => index % 2 === 0))
  const ratioOf = (of: (burst: Burst) => number) => median(series.flatMap((bursts) => ratios(bursts.map(of))))
  return {
    subject: figure(subjects),
    reference: figure(references),
    ratio: { cpuMicros: ratioOf(cpuOf), wallMicros: ratioOf(wallOf) },
    bursts: subjects.length
  }
}

function ratios (costs: readonly number[]): number[] {
  return costs.flatMap((cost, index) => index % 2 === 1 ? [cost / ((costs[index - 1]! + costs[index + 1]!) / 2)] : [])
}

function figure (bursts: readonly Burst[]): Figure {
  return { cpuMicros: median(bursts.map(cpuOf)), wallMicros: median(bursts.map(wallOf)) }
}

function cpuOf ({ cpuMicros, operations }: Burst): number {
  return cpuMicros / operations
}

function wallOf ({ wallMicros, operations }: Burst): number {
  return wallMicros / operations
}
