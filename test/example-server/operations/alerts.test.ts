// What the alerts and the dashboard name must exist in /metrics: a query of a metric that nobody has is silent.
import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { createInjected } from '../../fixtures/example-server.ts'
import { promtool, skipWithoutPromtool } from '../../fixtures/promtool.ts'

const folder = 'example-server/operations'
const read = (name: string) => readFileSync(`${folder}/${name}`, 'utf8')

const alertsFile = read('alerts.yaml')
const names = [...alertsFile.matchAll(/^ +- alert: (\w+)$/gm)].map(([, name]) => name!)
const alertQueries = [...alertsFile.matchAll(/^ +expr: (?:>-\n)?([^]*?)\n +(?:for|labels):/gm)].map(([, expr]) => expr!)

interface Panel {
  readonly targets?: readonly { readonly expr: string }[]
}
const dashboard = JSON.parse(read('dashboard.json')) as { panels: readonly Panel[] }
const dashboardQueries = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))

/** The metrics that a query names: what is neither a function, nor a keyword, nor in braces or brackets. */
function metricsIn(query: string): string[] {
  const bare = query.replace(/\{[^}]*\}|\[[^\]]*\]|\b(?:by|without|on|ignoring) \([^)]*\)/g, '')
  return [...bare.matchAll(/(?<![\w.])[a-z]\w+(?!\s*[\w(])/gi)].map(([name]) => name)
}

/** Prometheus itself adds it to each scrape. */
const ofPrometheus = new Set(['up'])

async function metricsOf(t: Test): Promise<string> {
  const { app } = await createInjected(t)
  await app.inject('/me')
  return (await app.inject('/metrics')).body
}

t.test('every metric that an alert or the dashboard names exists in /metrics', async (t) => {
  const text = await metricsOf(t)
  const types = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)]
  const existing = new Set(
    types.flatMap(([, name, type]) =>
      type === 'histogram' ? ['_bucket', '_count', '_sum'].map((suffix) => `${name}${suffix}`) : [name!]
    )
  )
  const named = new Set([...alertQueries, ...dashboardQueries].flatMap(metricsIn))
  t.ok(named.size >= 20, [...named].join())
  t.strictSame(
    [...named].filter((name) => !existing.has(name) && !ofPrometheus.has(name)),
    []
  )
})

t.test('every outcome that an alert or the dashboard names exists in /metrics', async (t) => {
  const text = await metricsOf(t)
  const named = [...alertQueries, ...dashboardQueries].flatMap((query) =>
    [...query.matchAll(/(\w+)\{[^}]*outcome=~?"([^"]+)"/g)].flatMap(([, metric, values]) =>
      values!.split('|').map((value) => `${metric}{outcome="${value}"}`)
    )
  )
  t.ok(named.length > 8)
  for (const series of named) t.ok(text.includes(`\n${series} `), series)
})

t.test('promtool accepts the alerts, and each is raised by its cause only', skipWithoutPromtool, async (t) => {
  t.match(promtool('check', 'rules', `${folder}/alerts.yaml`), `SUCCESS: ${names.length} rules found`)
  t.match(promtool('test', 'rules', `${folder}/alerts.test.yaml`), 'SUCCESS')
})

t.test('every alert has a case of its own, a summary, and a row of docs/production.md', async (t) => {
  t.equal(names.length, alertQueries.length)
  const cases = read('alerts.test.yaml')
  const page = readFileSync('docs/production.md', 'utf8')
  for (const name of names) {
    t.match(cases, new RegExp(`alertname: ${name}\\n +exp_alerts:`), `${name} is raised`)
    if (name !== 'NoServer') t.match(cases, `alertname: ${name} }`, `${name} is not raised`)
    t.match(page, `| \`${name}\` |`, `docs/production.md says what to do about ${name}`)
  }
  t.equal(alertsFile.match(/^ +summary: /gm)!.length, names.length)
})
