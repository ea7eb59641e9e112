import type { Emit } from '../events.ts'

/** Reports that the store's clock differs from this node's: as a warning and as an event. */
export function createSkewReport({ emit, log }: { emit: Emit; log: { warn(message: string): void } }) {
  return function reportSkew(skewMs: number, compensated: boolean): void {
    const text = `The store's clock is ${Math.abs(skewMs)} ms ${skewMs > 0 ? 'ahead of' : 'behind'} this node's`
    log.warn(
      compensated
        ? `${text}. The difference is compensated, but correct one of the clocks`
        : `${text}. That is too much to compensate: tokens may be refused until one of the clocks is corrected`
    )
    emit({ type: 'clock-skew', skewMs, compensated })
  }
}
