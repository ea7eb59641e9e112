/** The cost of a burst of operations. */
export interface Burst {
  readonly operations: number
  /** Processor time of the measured process. */
  readonly cpuMicros: number
  readonly wallMicros: number
}

/** What is measured, one burst after another. */
export interface Workload {
  burst(): Promise<Burst>
}

export interface Figure {
  /** Per operation, the median over all bursts. */
  readonly cpuMicros: number
  readonly wallMicros: number
}

export interface Comparison {
  readonly subject: Figure
  readonly reference: Figure
  /** Medians of the ratios of each burst to the mean of the reference's bursts directly before and after it. */
  readonly ratio: Figure
  /** First and third quartile of the ratios of processor time. */
  readonly quartiles: readonly [number, number]
  readonly bursts: number
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** Interpolates between the two nearest values. */
function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new RangeError('An empty list has no median')
  const sorted = [...values].sort((one, another) => one - another)
  const position = (sorted.length - 1) * share
  const [below, above] = [sorted[Math.floor(position)]!, sorted[Math.ceil(position)]!]
  return below + (above - below) * (position % 1)
}

/**
 * Runs bursts of the reference and the subject in turn, and begins and ends with the reference. What slows the machine
 * down for longer than three bursts slows both down: ratios are stable where times are not.
 */
export async function alternate(
  { subject, reference }: { readonly subject: Workload; readonly reference: Workload },
  turns: number
): Promise<Burst[]> {
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
