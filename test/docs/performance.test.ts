import { readFileSync } from 'node:fs'
import t from 'tap'
import { describeScale } from '../../bench/page/scale.ts'
import { describePerformance, drawPerformance } from '../../bench/performance.ts'
import { readResults } from '../../bench/results.ts'

t.test(
  'docs/performance.md, its chart and docs/scale.md are what bench:report makes of bench/results.json',
  async (t) => {
    const results = readResults()
    t.equal(readFileSync('docs/performance.md', 'utf8'), describePerformance(results))
    t.equal(readFileSync('docs/performance.svg', 'utf8'), drawPerformance(results))
    t.equal(readFileSync('docs/scale.md', 'utf8'), describeScale(results))
  }
)
