// node --import tsx test/runner/coverage.ts: reads what `run.ts --coverage` has left, and fails below the limit.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Report } from 'c8'
import { filesIn, hasCode } from '../fixtures/sources.ts'

/** Percent, over all files of `plugin/` together. */
const least = { lines: 99, branches: 95 }

const raw = '.cache/coverage/raw'
const plugin = pathToFileURL('plugin/').href

interface ProcessCoverage {
  readonly result: readonly { readonly url: string }[]
  readonly 'source-map-cache'?: Record<string, unknown>
}
interface Count {
  readonly pct: number
  readonly total: number
}

// Each process has written the coverage of all packages too, which would take minutes to merge.
for (const name of readdirSync(raw)) {
  const file = join(raw, name)
  const coverage = JSON.parse(readFileSync(file, 'utf8')) as ProcessCoverage
  const maps = Object.entries(coverage['source-map-cache'] ?? {}).filter(([url]) => url.startsWith(plugin))
  const result = coverage.result.filter(({ url }) => url.startsWith(plugin))
  writeFileSync(file, JSON.stringify({ ...coverage, result, 'source-map-cache': Object.fromEntries(maps) }))
}

await new Report({
  tempDirectory: raw,
  reportsDirectory: '.cache/coverage',
  reporter: ['html', 'json-summary', 'text'],
  reporterOptions: {},
  include: ['plugin/**/*.ts'],
  extension: ['.ts'],
  exclude: filesIn('plugin').filter((file) => !hasCode(file)),
  excludeNodeModules: true,
  all: true,
  src: ['plugin'],
  skipFull: true,
  resolve: '',
  omitRelative: true
}).run()
const { total: summary } = JSON.parse(readFileSync('.cache/coverage/coverage-summary.json', 'utf8')) as {
  total: Record<keyof typeof least, Count>
}

for (const kind of ['lines', 'branches'] as const) {
  const { pct, total } = summary[kind]
  console.log(`plugin/ ${kind}: ${pct} % of ${total}, at least ${least[kind]} %`)
  if (!(pct >= least[kind])) process.exitCode = 1
}
