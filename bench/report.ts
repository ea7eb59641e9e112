import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describePerformance, drawPerformance } from './performance.ts'
import { readResults } from './results.ts'
import { describeScale } from './page/scale.ts'

const results = readResults()
const docs = join(import.meta.dirname, '../docs')
writeFileSync(join(docs, 'performance.md'), describePerformance(results))
writeFileSync(join(docs, 'performance.svg'), drawPerformance(results))
writeFileSync(join(docs, 'scale.md'), describeScale(results))
