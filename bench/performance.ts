import { drawChart } from './chart.ts'
import type { Compared } from './contestant.ts'
import { goalsOf, show, verdictOn } from './goals.ts'
import { names } from './names.ts'
import type { Results } from './results.ts'

const title = 'Processor time of a request, against the bare route'

/** The text of `docs/performance.md`. */
export function describePerformance (results: Results): string {
  const { protectedRoute, verification, stores, memory, startUp, effort } = results
  const { few, many } = effort.sessions
  return `# Performance

Made from \`bench/results.json\` by \`npm run bench:report\`; \`npm run bench\` measures. This was a ${effort.name} run on
${results.date}, with Node ${results.node} on ${results.platform} with ${results.cores} cores.

## How it is measured

All servers are up at once, each a process of its own in production mode, without a loader; they are loaded by turns
from one client process over 10 connections with 10 requests under way on each, as Fastify's own benchmarks are.
What counts is the processor time that the server's process takes for a request, all its threads included. It is
measured in short bursts, and each burst is compared with the bursts of the bare route right before and right after it,
which is sent the very same bytes; the figure is the median of these ratios, which holds on a noisy machine, where times
do not. V8's collections in idle moments are off (\`--no-memory-reducer\`), for the others' turns are no idle moments of a
server under load; and one tick object of Node's is kept alive in every process, for a full collection without one makes
V8 forget its shape and every later request a quarter dearer, which would count a server's start and luck as its cost.
All routes answer \`{ "sub": "alice" }\`, and all tokens have the same claims. "Seen before" is one of 100 tokens of 100
users; "not seen before" is one that no request has carried since it was last forgotten. While revocations are compared,
none is added: a token that was found clear is looked for again only after that.

The others do not do the same work. The JWT libraries check signature, algorithm, issuer, audience and expiry, and know
of no sign-out; those that take a key object are given one, for a secret as text costs them half a millisecond a request.
The session libraries keep sessions in the memory of one process, or whole in the cookie.

## Goals

${table(['goal', 'limit', 'measured', ''], goalsOf(results).map((goal) => [goal.what, `≤ ${show(goal.limit, goal.unit)}`, show(goal.value, goal.unit), verdictOn(goal)]))}

## A protected route

![${title}](performance.svg)

${table(['', 'CPU per request', 'against bare', 'requests per second', 'against bare'], [
  ...protectedRoute.plugin.map((row) => routeRow({ ...row, name: `this plugin: ${row.name}` })),
  ...protectedRoute.peers.map(routeRow)
])}

Directly against each other:

${comparisons(protectedRoute.direct)}

A refused token, against a bare route that throws a 401:

${comparisons(protectedRoute.refused)}

With revoked sessions and tokens in memory, against none:

${comparisons(protectedRoute.revocations)}

## Checking a token

\`request.authenticate()\` alone, against the bare verifier of \`fast-jwt\` and against the cryptography, which is the limit:

${comparisons(verification)}

## Sessions

\`reply.refresh()\` against what it cannot do without: the store's own compare-and-set, and one signature. One at a time,
with the databases as they come: SQLite and PostgreSQL wait for the disk.

${times(stores.refresh)}

A rotation among ${many.toLocaleString('en')} sessions against one among ${few.toLocaleString('en')}, medians of single calls:

${times(stores.rotation)}

## Memory

${table(['', 'bytes'], [
  ['token kept in memory', memory.token.toFixed(0)],
  ['revocation kept in memory', memory.revocation.toFixed(0)],
  ...stores.sessionBytes.map(({ store, bytes }) => [`session in ${store}`, bytes.toFixed(0)])
])}

## Start

${table(['until it listens', 'ms'], [
  ['a bare Fastify application', startUp.bare.toFixed(0)],
  ['the same with this plugin', startUp.plugin.toFixed(0)],
  ['the example server, from TypeScript', startUp.exampleServer.toFixed(0)]
])}
`
}

/** The picture in it. */
export function drawPerformance ({ protectedRoute: { plugin, peers } }: Pick<Results, 'protectedRoute'>): string {
  const shown = [names.routeSeen('HS256', 'header'), names.routeSeen('HS256', 'cookie'), names.routeUnseen('HS256', 'header'), names.routeUnseen('ES256', 'header')]
  const own = shown.map((name) => plugin.find((row) => row.name === name)!)
  const bars = [...own, ...peers].map(({ name, ratio }, index) => ({
    label: index < own.length ? `this plugin: ${name}` : name,
    value: ratio.cpuMicros,
    own: index < own.length
  }))
  return drawChart(title, bars)
}

function routeRow ({ name, subject, ratio }: Compared): string[] {
  const perSecond = Math.round(1e6 / subject.wallMicros)
  return [name, micros(subject.cpuMicros), ratio.cpuMicros.toFixed(2), perSecond.toLocaleString('en'), (1 / ratio.wallMicros).toFixed(2)]
}

function comparisons (rows: readonly Compared[]): string {
  return table(['', 'CPU', 'compared with', 'ratio'], rows.map(({ name, subject, reference, ratio }) =>
    [name, micros(subject.cpuMicros), micros(reference.cpuMicros), ratio.cpuMicros.toFixed(2)]))
}

function times (rows: readonly Compared[]): string {
  return table(['', 'time', 'compared with', 'ratio', 'CPU', 'compared with', 'ratio'], rows.map(({ name, subject, reference, ratio }) =>
    [name, micros(subject.wallMicros), micros(reference.wallMicros), ratio.wallMicros.toFixed(2), micros(subject.cpuMicros), micros(reference.cpuMicros), ratio.cpuMicros.toFixed(2)]))
}

function micros (value: number): string {
  return `${value.toFixed(1)} µs`
}

function table (head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, index) => index === 0 ? '---' : '---:')), ...rows.map(line)].join('\n')
}
