import t from 'tap'
import { CallLimit } from '../../plugin/tokens/call-limit.ts'

t.test('CallLimit.allows() never allows more calls than the limit in any period', async (t) => {
  const limit = new CallLimit({ calls: 3, ms: 1000 })
  const rows: [number, boolean][] = [
    [0, true],
    [400, true],
    [999, true],
    [999, false],
    [1000, true],
    [1399, false],
    [1400, true],
    [1998, false],
    [1999, true],
    [1999, false],
    [9000, true],
    [9000, true],
    [9000, true],
    [9999, false],
    [10_000, true]
  ]
  for (const [now, allowed] of rows) t.equal(limit.allows(now), allowed, `at ${now} ms`)
})
