import type { NamedComparison } from '../comparison.ts'

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, index) => (index === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n')
}

/** Ratios of processor time, each with its spread. */
export function comparisons(reference: string, rows: readonly NamedComparison[]): string {
  return table(
    ['', 'CPU', reference, 'ratio', 'quartiles'],
    rows.map((row) => [
      row.name,
      micros(row.subject.cpuMicros),
      micros(row.reference.cpuMicros),
      times(row),
      spread(row)
    ])
  )
}

/** The ratio of processor time. */
export function times({ ratio }: NamedComparison): string {
  return ratio.cpuMicros.toFixed(2)
}

/** How many microseconds of processor time the subject takes more than its reference, by the ratio of the pairs. */
export function addedMicros({ reference, ratio }: NamedComparison): number {
  return reference.cpuMicros * (ratio.cpuMicros - 1)
}

export function spread({ quartiles: [from, to] }: Pick<NamedComparison, 'quartiles'>): string {
  return `${from.toFixed(2)}–${to.toFixed(2)}`
}

export function micros(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} µs`
}

export function count(value: number): string {
  return Math.round(value).toLocaleString('en')
}

/** Three digits at most. */
export function factor(value: number): string {
  return value.toFixed(value < 10 ? 1 : 0)
}
