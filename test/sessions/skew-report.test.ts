import t from 'tap'
import type { AuthEvent } from '../../plugin/index.ts'
import { createSkewReport } from '../../plugin/sessions/skew-report.ts'

t.test('reportSkew() logs a warning and emits clock-skew, with the direction and the remedy', async (t) => {
  const warnings: string[] = []
  const events: AuthEvent[] = []
  const reportSkew = createSkewReport({
    emit: (event) => events.push(event),
    log: { warn: (message) => warnings.push(message) }
  })
  reportSkew(1500, true)
  reportSkew(-8_000_000, false)
  t.strictSame(warnings, [
    "The store's clock is 1500 ms ahead of this node's. The difference is compensated, but correct one of the clocks",
    "The store's clock is 8000000 ms behind this node's. That is too much to compensate: tokens may be refused until " +
      'one of the clocks is corrected'
  ])
  t.strictSame(events, [
    { type: 'clock-skew', skewMs: 1500, compensated: true },
    { type: 'clock-skew', skewMs: -8_000_000, compensated: false }
  ])
})
