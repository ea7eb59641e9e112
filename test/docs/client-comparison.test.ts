import { readFileSync } from 'node:fs'
import t from 'tap'
import { describeComparison, readComparison, sectionOf } from '../rigs/client/comparison.ts'

t.test('docs/client.md compares clients as test/rigs/client/compare.ts has measured it', async (t) => {
  t.equal(sectionOf(readFileSync('docs/client.md', 'utf8')), describeComparison(readComparison()))
})
