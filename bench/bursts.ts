/** What a burst of operations took. */
export interface Burst {
  readonly operations: number
  /** Processor time of the measured process. */
  readonly cpuMicros: number
  readonly wallMicros: number
}

/** What is measured: one burst after another. */
export interface Contestant {
  burst(): Promise<Burst>
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
  /** Between these lies the middle half of the ratios of processor time. */
  readonly quartiles: readonly [number, number]
  readonly bursts: number
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** Between two values, in proportion. */
function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new RangeError('There is no median of nothing')
  const sorted = [...values].sort((one, another) => one - another)
  const place = (sorted.length - 1) * share
  const [below, above] = [sorted[Math.floor(place)]!, sorted[Math.ceil(place)]!]
  return below + (above - below) * (place % 1)
}

/**
 * A burst of the reference, then by turns one of the subject and one of the reference: whatever slows the machine down
 * for longer than three bursts slows both down, so that the ratio holds where times do not.
 */
export async function alternate(subject: Contestant, reference: Contestant, turns: number): Promise<Burst[]> {
  const bursts = [await reference.burst()]
  for (let turn = 0; turn < turns; turn++) bursts.push(await subject.burst(), await reference.burst())
  return bursts
}

/** @param series results of {@link alternate} */
export function compare(series: readonly (readonly Burst[])[]): Comparison {
  const subjects = series.flatMap((bursts) => bursts.filter((_, index) => index % 2 === 1))
  const references = series.flatMap((bursts) => bursts.filter((_, index) => index % 2 === 0))
  const ratiosOf = (of: (burst: Burst) => number) => series.flatMap((bursts) => ratios(bursts.map(of)))
  const byCpu = ratiosOf(cpuOf)
  return {
    subject: figure(subjects),
    reference: figure(references),
    ratio: { cpuMicros: median(byCpu), wallMicros: median(ratiosOf(wallOf)) },
    quartiles: [quantile(byCpu, 0.25), quantile(byCpu, 0.75)],
    bursts: subjects.length
  }
}

function ratios(costs: readonly number[]): number[] {
  return costs.flatMap((cost, index) => (index % 2 === 1 ? [cost / ((costs[index - 1]! + costs[index + 1]!) / 2)] : []))
}

function figure(bursts: readonly Burst[]): Figure {
  return { cpuMicros: median(bursts.map(cpuOf)), wallMicros: median(bursts.map(wallOf)) }
}

function cpuOf({ cpuMicros, operations }: Burst): number {
  return cpuMicros / operations
}

function wallOf({ wallMicros, operations }: Burst): number {
  return wallMicros / operations
}
