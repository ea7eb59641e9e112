import t from 'tap'
import { alternate, compare, median, type Burst } from '../bench/bursts.ts'
import { drawChart } from '../bench/chart.ts'
import { goalsOf, outcomeOf } from '../bench/goals.ts'
import { describePerformance, drawPerformance } from '../bench/performance.ts'
import { readResults } from '../bench/results.ts'

const burst = (cpuMicros: number, operations = 1): Burst => ({ operations, cpuMicros, wallMicros: 2 * cpuMicros })

t.test('median() returns the middle value, or the mean of the two middle ones', async (t) => {
  t.equal(median([9, 1, 5]), 5)
  t.equal(median([9, 1, 5, 6]), 5.5)
  t.throws(() => median([]), RangeError)
})

t.test('alternate() measures a burst of the reference before and after each burst of the subject', async (t) => {
  const order: string[] = []
  const workload = (name: string) => ({
    burst: async () => {
      order.push(name)
      return burst(1)
    }
  })
  await alternate({ subject: workload('subject'), reference: workload('reference') }, 2)
  t.same(order, ['reference', 'subject', 'reference', 'subject', 'reference'])
})

t.test(
  'compare() returns the same ratio while the machine becomes slower, whatever the lengths of the bursts',
  async (t) => {
    // Twice the reference, on a machine that takes longer from burst to burst.
    const { ratio, bursts } = compare([
      [burst(100, 10), burst(44, 2), burst(12), burst(26), burst(14)],
      [burst(50), burst(110), burst(60)]
    ])
    t.same(ratio, { cpuMicros: 2, wallMicros: 2 })
    t.equal(bursts, 3)
  }
)

t.test('compare() is not affected by a single outlier', async (t) => {
  const { ratio, subject } = compare([[burst(1), burst(2), burst(1), burst(900), burst(1), burst(2), burst(1)]])
  t.equal(ratio.cpuMicros, 2)
  t.equal(subject.cpuMicros, 2)
})

t.test(
  'goalsOf() finds the figure of every goal in bench/results.json, and outcomeOf() says by how much it is missed',
  async (t) => {
    const goals = goalsOf(readResults())
    t.ok(goals.every(({ value }) => Number.isFinite(value)))
    t.ok(goals.every(({ value, limit, met }) => met === value <= limit))
    t.equal(outcomeOf({ what: '', limit: 1.5, unit: 'times', value: 1.8, met: false }), 'MISSED by 20 %')
    t.equal(outcomeOf({ what: '', limit: 1.5, unit: 'times', value: 1.5, met: true }), 'met')
    t.equal(outcomeOf({ what: '', limit: 0, unit: 'count', value: 7, met: false }), 'MISSED')
  }
)

t.test('describePerformance() and drawPerformance() show each comparison and each library', async (t) => {
  const results = readResults()
  const text = describePerformance(results)
  const { peers } = results.protectedRoute
  for (const { name } of [...Object.values(results.protectedRoute), results.verification].flat()) {
    t.ok(text.includes(`${name} |`), name)
  }
  for (const { name } of peers) t.match(drawPerformance(results), name)
  const { databaseSessions, signInAndRefresh, pauses } = results
  for (const { name } of [...databaseSessions, ...signInAndRefresh]) t.ok(text.includes(`${name} |`), name)
  for (const { what } of pauses) t.ok(text.includes(`${what} |`), what)
  t.notMatch(text, /undefined|NaN|Infinity/)
})

t.test('drawChart() draws longer bars for larger values, and escapes text', async (t) => {
  const widths = [
    ...drawChart('a < b', [
      { label: '<one>', value: 2, own: true },
      { label: 'two', value: 4, own: false }
    ]).matchAll(/<rect [^>]*width="([\d.]+)"/g)
  ].map(([, width]) => Number(width))
  t.ok(widths[1]! > widths[0]!)
  t.notMatch(drawChart('a < b', [{ label: '<one>', value: 2, own: true }]), '<one>')
})
