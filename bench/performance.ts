import { algorithms } from './algorithms.ts'
import { drawChart } from './chart.ts'
import type { Compared } from './contestant.ts'
import { goalsOf, show, verdictOn } from './goals.ts'
import { names } from './names.ts'
import type { Results } from './results.ts'

const title = 'Processor time of a request, against the bare Fastify route (logarithmic)'

/** The text of `docs/performance.md`. */
export function describePerformance(results: Results): string {
  const { protectedRoute, verification, stores, memory, startUp, effort } = results
  const { few, many } = effort.sessions
  return `# Performance

Made from \`bench/results.json\` by \`npm run bench:report\`; \`npm run bench\` measures. This was a ${effort.name} run on
${results.date}, with Node ${results.node} on ${results.platform}, ${results.cores} cores of ${results.processor}. The others: ${Object.entries(
    results.versions
  )
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')}.

## How it is measured

All servers are up at once, each a process of its own in production mode, without a loader; they are loaded by turns
from one client process over 10 connections with 10 requests under way on each (as in Fastify's own benchmarks, which
have 100 connections). What counts is the processor time that the server's process takes for a request, all its threads
included. It is measured in short bursts, and each burst is compared with the bursts of the bare route right before and
right after it, which is sent the very same bytes; the figure is the median of these ratios, which holds on a noisy
machine, where times do not. Beside a ratio stands where the middle half of its single ratios lies. It is not the quotient of the two times
beside it, which are medians of their own; and the processes of one and the same program differ by some 3 %, for their
compilers had not the same luck: what differs by less is the same.

Two things are done to all processes, ours and theirs, that would otherwise differ by luck. V8 does not collect in idle
moments (\`--no-memory-reducer\`), for the others' turns are no idle moments of a server under load. And one tick object of
Node's is kept alive: a full collection without one makes V8 forget its shape, and every later request a quarter dearer.

All routes answer \`{ "sub": "alice" }\`, and all tokens have the same claims. "Seen before" is one of 100 tokens of 100
users; "not seen before" is one that no request has carried since it was last forgotten. While revocations are compared,
none is added: a token that was found clear is looked for again only after that.

The others do not do the same work. The JWT libraries check signature, algorithm, issuer, audience and expiry, and know
of no sign-out; those that take a key object are given one, for a secret as text costs them half a millisecond a request.
Those for Express, Koa and Hono include their framework: the bare route is Fastify's. The session libraries keep sessions
in the memory of one process, or whole in the cookie. This plugin has its store in memory, and no request to a protected
route asks it.

## Goals

${table(
  ['goal', 'limit', 'measured', ''],
  goalsOf(results).map((goal) => [
    goal.what,
    `≤ ${show(goal.limit, goal.unit)}`,
    show(goal.value, goal.unit),
    verdictOn(goal)
  ])
)}

What is missed, and why:

- *Seen before.* Of the bare route's ten microseconds, a tenth is one. The two hooks take 0.3, the checks 0.4; the rest is
  that 100 tokens' claims are not in the processor's nearest cache. \`@fastify/jwt\` costs so little here that the bare
  route itself is near the goal against it.
- *Not seen before.* The library that verifies is \`fast-jwt\`, by way of \`@fastify/jwt\`. To it come: canonical base64url and
  UTF-8, which it does not ask, the claims of RFC 9068, freezing, and a place in memory, whose collection costs as much as
  all the rest.
- *Refused.* Whether a token is forged or has merely expired, its signature must be checked to know: a bare route that
  throws does not do that. Garbage is refused without.
- *Refresh.* Two halves of two macs, one of them proved before the database is asked, and an access token: 25 µs, beside
  which a compare-and-set in memory is nothing, and after a wait for the disk, with cold caches, four times as much.
- *Rotation in memory.* Among a million objects, the one that is asked for is in no cache of the processor's.

## A protected route

![${title}](performance.svg)

${table(
  ['', 'CPU per request', 'CPU against bare', 'middle half', 'requests per second', 'rate against bare'],
  [
    ...protectedRoute.plugin.map((row) => routeRow({ ...row, name: `this plugin: ${row.name}` })),
    ...protectedRoute.peers.map(routeRow)
  ]
)}

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
with the databases as they come: SQLite and PostgreSQL wait for the disk. With \`retrySeconds: 0\`, for else a second
refresh within ten seconds would rotate nothing.

${times(stores.refresh)}

A rotation among ${many.toLocaleString('en')} sessions against one among ${few.toLocaleString('en')}, medians of single calls:

${times(stores.rotation)}

## Memory

${table(
  ['', 'bytes'],
  [
    ['token kept in memory', memory.token.toFixed(0)],
    ['revocation kept in memory', memory.revocation.toFixed(0)],
    ...stores.sessionBytes.map(({ store, bytes }) => [`session in ${store}`, bytes.toFixed(0)])
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

/** The picture in it. */
export function drawPerformance({ protectedRoute: { plugin, peers } }: Pick<Results, 'protectedRoute'>): string {
  const shown = [
    names.routeSeen('HS256', 'header'),
    names.routeSeen('HS256', 'cookie'),
    ...algorithms.map((alg) => names.routeUnseen(alg, 'header'))
  ]
  const own = shown.map((name) => plugin.find((row) => row.name === name)!)
  const bars = [...own, ...peers].map(({ name, ratio }, index) => ({
    label: index < own.length ? `this plugin: ${name}` : name,
    value: ratio.cpuMicros,
    own: index < own.length
  }))
  return drawChart(title, bars)
}

function routeRow({ name, subject, ratio, quartiles }: Compared): string[] {
  const perSecond = Math.round(1e6 / subject.wallMicros)
  return [
    name,
    micros(subject.cpuMicros),
    ratio.cpuMicros.toFixed(2),
    middleHalf(quartiles),
    perSecond.toLocaleString('en'),
    (1 / ratio.wallMicros).toFixed(2)
  ]
}

function comparisons(rows: readonly Compared[]): string {
  return table(
    ['', 'CPU', 'compared with', 'ratio', 'middle half'],
    rows.map(({ name, subject, reference, ratio, quartiles }) => [
      name,
      micros(subject.cpuMicros),
      micros(reference.cpuMicros),
      ratio.cpuMicros.toFixed(2),
      middleHalf(quartiles)
    ])
  )
}

function middleHalf([from, to]: Compared['quartiles']): string {
  return `${from.toFixed(2)}–${to.toFixed(2)}`
}

function times(rows: readonly Compared[]): string {
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
