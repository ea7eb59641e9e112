import { algorithms } from './algorithms.ts'
import { drawChart } from './chart.ts'
import type { NamedComparison } from './comparison.ts'
import { names } from './names.ts'
import type { Results } from './results.ts'

const title = 'Processor time of a request, relative to the bare Fastify route (logarithmic)'

/** Writes the text of `docs/performance.md`. */
export function describePerformance(results: Results): string {
  const { protectedRoute, verification, memory, startUp } = results
  return `# Performance

${describeRun(results)}

## In short

${summary(results)}

## How it is measured

${method}

## A protected route

![${title}](performance.svg)

${table(
  ['', 'CPU per request', 'relative to bare', 'interquartile range', 'requests per second', 'rate relative to bare'],
  [
    ...protectedRoute.floors.map(routeRow),
    ...protectedRoute.plugin.map((row) => routeRow({ ...row, name: `this plugin: ${row.name}` })),
    ...protectedRoute.peers.map(routeRow)
  ]
)}

A token seen before, against the least hook:

${comparisons(protectedRoute.seen)}

Against \`@fastify/jwt\`:

${comparisons([...protectedRoute.direct, ...protectedRoute.unseen])}

A refused token, against \`@fastify/jwt\` that refuses the same request:

${comparisons(protectedRoute.refused)}

A refused token, against a bare route that throws a 401:

${comparisons(protectedRoute.refusedBare)}

With revoked sessions and tokens in memory, against none:

${comparisons(protectedRoute.revocations)}

## Checking a token

\`request.authenticate()\` alone, against \`request.jwtVerify()\` of \`@fastify/jwt\` and against bare cryptography:

${comparisons(verification)}

${describeStores(results)}## Memory

${table(
  ['', 'bytes'],
  [
    ['token kept in memory', memory.token.toFixed(0)],
    ['revocation kept in memory', memory.revocation.toFixed(0)],
    ...results.stores.sessionBytes.map(({ store, bytes }) => [`session in ${store}`, bytes.toFixed(0)])
  ]
)}

## Start

${table(
  ['until it listens', 'ms'],
  [
    ['a bare Fastify application', startUp.bare.toFixed(0)],
    ['the same with this plugin', startUp.plugin.toFixed(0)],
    ['the example server, from TypeScript', startUp.exampleServer.toFixed(0)]
  ]
)}
`
}

function describeRun({ effort, date, node, platform, cores, processor, versions }: Results): string {
  const libraries = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `See what the plugin costs per request, and how it compares with other libraries. This page is
generated from \`bench/results.json\` by \`npm run bench:report\`. \`npm run bench\` measures: everything, or a short
form in 90 s (\`npm run bench -- --quick\`).

- Run: ${effort.name}, ${date}
- Machine: Node ${node}, ${platform}, ${cores} cores of ${processor}
- Libraries: ${libraries.join(', ')}`
}

function summary({ protectedRoute: { plugin, direct, revocations } }: Results): string {
  const ratio = (rows: readonly NamedComparison[], name: string) =>
    rows.find((row) => row.name === name)!.ratio.cpuMicros.toFixed(2)
  const seen = ratio(plugin, names.seen('HS256', 'header'))
  const unseen = ratio(plugin, names.unseen('HS256'))
  const cached = ratio(direct, names.against(names.peer.cached))
  const uncached = ratio(direct, names.against(names.peer.uncached))
  const most = revocations.at(-1)!
  return `- A request with an HS256 token that was seen before costs ${seen} times the bare route, ${cached} times
  \`@fastify/jwt\` with its cache, and ${uncached} times \`@fastify/jwt\` without.
- The first request with an HS256 token costs ${unseen} times the bare route.
- Protected routes do not read the store. With ${most.name} in memory, a request costs
  ${most.ratio.cpuMicros.toFixed(2)} times as much as with none.`
}

const method = `All servers run at the same time, each in its own process, in production mode and without a loader.
One client process sends requests to each in turn, over 10 connections with 10 pipelined requests each (Fastify's
own benchmarks use 100 connections).

The figure is the CPU time of the server's process per request, all its threads included. It is measured in short
bursts. Each burst is compared with the bursts of the bare route directly before and after it, which receives the
same bytes. The published figure is the median of these ratios: on a noisy machine, ratios are stable where times
are not. Each ratio is shown with its interquartile range. It is not the quotient of the two times beside it: each
time is a median by itself. Two runs of the same program differ by about 3 % (JIT variance); treat smaller differences
as noise.

Two settings apply to all processes, because without them some processes would be affected and others not:

- \`--no-memory-reducer\`: V8 would otherwise collect garbage while a process waits for its turn, which a server
  under load never does.
- One tick object of Node is kept alive: without one, a full garbage collection drops the object's hidden class, and
  every later request costs 25 % more.

All routes respond with \`{ "sub": "alice" }\`, and all tokens have the same claims. "Seen before" means one of 100
tokens of 100 users. "Not seen before" means a token that is not in the cache.

The libraries do not do the same work:

- The JWT libraries check signature, algorithm, issuer, audience and expiry. They do not support sign-out. Libraries
  that accept a key object receive one, because a secret as text costs them half a millisecond per request.
- The figures of Express, Koa and Hono include the framework; the bare route is Fastify's.
- The session libraries keep sessions in the memory of one process, or entirely in the cookie.
- This plugin uses the memory store.`

/** Absent if the run did not measure the stores. */
function describeStores({ signInAndRefresh: refresh, stores: { rotation } }: Results): string {
  if (refresh.length === 0) return ''
  return `## Sessions

\`reply.refresh()\` against the least that it needs: the store's own compare-and-set and one signature. Calls run
one at a time, and each database confirms a write only after it is on disk (Redis: \`appendfsync always\`).
\`retrySeconds\` is 0, because a second refresh within ten seconds would not rotate otherwise.

${times(refresh)}

What it means: a refresh checks two macs and signs an access token, which takes about 25 µs. Compared with a
compare-and-set in memory that is much; compared with a database it is little.

A rotation among many sessions against one among few, medians of single calls:

${times(rotation)}

What it means: the databases find a session by its key, however many there are. In memory, a session among a million
is not in any cache of the processor.

`
}

/** Draws the chart of the protected route. */
export function drawPerformance({ protectedRoute: { plugin, peers } }: Pick<Results, 'protectedRoute'>): string {
  const shown = [
    names.seen('HS256', 'header'),
    names.seen('HS256', 'cookie'),
    ...algorithms.map((alg) => names.unseen(alg))
  ]
  const ownRows = shown.map((name) => plugin.find((row) => row.name === name)!)
  const bars = [...ownRows, ...peers].map(({ name, ratio }, index) => ({
    label: index < ownRows.length ? `this plugin: ${name}` : name,
    value: ratio.cpuMicros,
    own: index < ownRows.length
  }))
  return drawChart(title, bars)
}

function routeRow({ name, subject, ratio, quartiles }: NamedComparison): string[] {
  const perSecond = Math.round(1e6 / subject.wallMicros)
  return [
    name,
    micros(subject.cpuMicros),
    ratio.cpuMicros.toFixed(2),
    quartileRange(quartiles),
    perSecond.toLocaleString('en'),
    (1 / ratio.wallMicros).toFixed(2)
  ]
}

function comparisons(rows: readonly NamedComparison[]): string {
  return table(
    ['', 'CPU', 'compared with', 'ratio', 'interquartile range'],
    rows.map(({ name, subject, reference, ratio, quartiles }) => [
      name,
      micros(subject.cpuMicros),
      micros(reference.cpuMicros),
      ratio.cpuMicros.toFixed(2),
      quartileRange(quartiles)
    ])
  )
}

function quartileRange([from, to]: NamedComparison['quartiles']): string {
  return `${from.toFixed(2)}–${to.toFixed(2)}`
}

function times(rows: readonly NamedComparison[]): string {
  return table(
    ['', 'time', 'compared with', 'ratio', 'CPU', 'compared with', 'ratio'],
    rows.map(({ name, subject, reference, ratio }) => [
      name,
      micros(subject.wallMicros),
      micros(reference.wallMicros),
      ratio.wallMicros.toFixed(2),
      micros(subject.cpuMicros),
      micros(reference.cpuMicros),
      ratio.cpuMicros.toFixed(2)
    ])
  )
}

function micros(value: number): string {
  return `${value.toFixed(1)} µs`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, index) => (index === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n')
}
