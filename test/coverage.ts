import { readFileSync } from 'node:fs'
import { relative } from 'node:path'

/** Percent of lines and of branches of `plugin/`, over all its files together. */
const least = 95

interface Count {
  total: number
  covered: number
}
type Summary = Record<string, { lines: Count; branches: Count }>

const summary = JSON.parse(readFileSync('.tap/report/coverage-summary.json', 'utf8')) as Summary
const files = Object.entries(summary)
  .filter(([file]) => relative('.', file).startsWith('plugin/'))
  .map(([, counts]) => counts)

for (const kind of ['lines', 'branches'] as const) {
  const total = files.reduce((sum, file) => sum + file[kind].total, 0)
  const covered = files.reduce((sum, file) => sum + file[kind].covered, 0)
  const percent = total === 0 ? 0 : (100 * covered) / total
  console.log(`plugin/ ${kind}: ${percent.toFixed(2)} % of ${total} in ${files.length} files`)
  if (percent < least) process.exitCode = 1
}
if (process.exitCode) console.error(`plugin/ needs at least ${least} %`)
