import t from 'tap'
import { shifted, shiftedTime } from '../../../plugin/stores/sharded/shifted.ts'

const never = Number.MAX_SAFE_INTEGER

t.test('shifted() moves every time of a result, and nothing else', async (t) => {
  const result = (ms: number) => ({
    storeTime: 1000 + ms,
    applied: true,
    row: {
      generation: 7,
      createdAt: 2000 + ms,
      revokedAt: null,
      retries: [3000 + ms],
      claims: { until: 4000 },
      details: { storeTime: 5000 }
    },
    revoked: [{ id: 's', until: 6000 + ms }],
    evicted: []
  })
  t.strictSame(shifted(result(0), -500), result(-500))
  t.strictSame(shifted({ storeTime: 1, row: null }, 5), { storeTime: 6, row: null })
})

t.test('shifted() copies nothing while the clocks agree', async (t) => {
  const result = { storeTime: 1 }
  t.equal(shifted(result, 0), result)
})

t.test('shiftedTime() leaves alone what never ends, and stays below that', async (t) => {
  for (const [time, ms, expected] of [
    [1000, 500, 1500],
    [1000, -500, 500],
    [never, -500, never],
    [never, 500, never],
    [never - 1, -500, never - 501],
    [never - 1, 500, never]
  ] as const) {
    t.equal(shiftedTime(time, ms), expected, `${time} ${ms}`)
  }
})
