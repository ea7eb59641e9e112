import { drawChart } from './chart.ts'
import { describeMethod } from './page/method.ts'
import { describeQuestions } from './page/questions.ts'
import { pictureRows } from './page/routes.ts'
import { summarize } from './page/summary.ts'
import type { Results } from './results.ts'

const title = 'CPU of a request, relative to a route without any check (logarithmic)'

/** Writes the text of `docs/performance.md`. */
export function describePerformance(results: Results): string {
  const { date, cores, processor, node } = results
  return `# Performance

See what the plugin costs, and how it compares with other libraries. Measured on ${date} on
${cores} cores of ${processor}, with Node ${node}; less is better.

${summarize(results)}

![${title}](performance.svg)

${describeQuestions(results)}

${describeMethod(results)}
`
}

/** Draws the picture of the page. */
export function drawPerformance(results: Pick<Results, 'protectedRoute'>): string {
  return drawChart(
    title,
    pictureRows(results).map(({ name, ratio, own }) => ({ label: name, value: ratio.cpuMicros, own }))
  )
}
