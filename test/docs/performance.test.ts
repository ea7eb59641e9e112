import { readFileSync } from 'node:fs'
import t from 'tap'
import { describePerformance, drawPerformance } from '../../bench/performance.ts'
import { readResults } from '../../bench/results.ts'

t.test('docs/performance.md and its chart are what bench:report makes of bench/results.json', async (t) => {
  const results = readResults()
  t.equal(readFileSync('docs/performance.md', 'utf8'), describePerformance(results))
  t.equal(readFileSync('docs/performance.svg', 'utf8'), drawPerformance(results))
})
