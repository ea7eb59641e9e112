import { median } from '../bursts.ts'
import type { NamedComparison } from '../comparison.ts'
import { names } from '../names.ts'
import type { Results } from '../results.ts'
import { factorOf } from './summary.ts'
import { comparisons, count, factor, micros, spread, table, times } from './tables.ts'

/** A heading and its tables; `null` if the run did not measure it. */
type Section = (results: Results) => string | null

/** One for each thing that a reader wants to know, in that order. */
const sections: readonly Section[] = [
  protectedRoute,
  firstRequest,
  refusedRequest,
  signInAndRefresh,
  databaseSessions,
  start,
  memory,
  manyNodes,
  storm
]

export function describeQuestions(results: Results): string {
  return sections
    .map((section) => section(results))
    .filter((text) => text !== null)
    .join('\n\n')
}

function protectedRoute({ protectedRoute: { floors, plugin, peers, seen, direct, revocations } }: Results): string {
  const own = plugin.filter(({ name }) => name.endsWith('seen before') && !name.includes('not seen'))
  return `## What does a protected route cost?

The CPU of one request, relative to the same route without any check, which takes ${micros(median(floors.map(({ reference }) => reference.cpuMicros)))}. The
token was seen before.

${table(
  ['', 'CPU', 'relative', 'quartiles', 'requests per second'],
  [...floors, ...own.map((row) => ({ ...row, name: `**this plugin**: ${row.name}` })), ...peers].map(routeRow)
)}

Directly against the least hook, which reads the header, looks the token up in a map and sets \`request.user\`:

${comparisons('the least hook', seen)}

Directly against \`@fastify/jwt\`:

${comparisons('`@fastify/jwt`', direct)}

With revoked sessions and tokens in memory, against none. A token that was found valid is looked up again only after
the list of revocations has changed, so their number does not matter:

${comparisons('none', revocations)}`
}

function routeRow(row: NamedComparison): string[] {
  return [row.name, micros(row.subject.cpuMicros), times(row), spread(row), count(1e6 / row.subject.wallMicros)]
}

function firstRequest({ protectedRoute: { plugin, unseen }, verification }: Results): string {
  return `## What does a first request cost?

A token that is not in the cache: its signature must be checked. Relative to the route without any check:

${table(
  ['', 'CPU', 'relative', 'quartiles', 'requests per second'],
  plugin.filter(({ name }) => name.includes('not seen')).map(routeRow)
)}

The same against a route of \`@fastify/jwt\` without its cache, with the same key and the same tokens:

${comparisons('`@fastify/jwt`', unseen)}

\`request.authenticate()\` alone, against \`request.jwtVerify()\` of \`@fastify/jwt\`, and against the signature check of
\`node:crypto\`, which is the least that is possible:

${comparisons('reference', verification)}

The plugin also checks what \`@fastify/jwt\` does not: canonical base64url, valid UTF-8 and the claims of RFC 9068. It
freezes the claims, and keeps the token in its cache.`
}

function refusedRequest({ protectedRoute: { refused, refusedBare } }: Results): string {
  return `## What does a refused request cost?

Against \`@fastify/jwt\` that refuses the same request:

${comparisons('`@fastify/jwt`', refused)}

Against a route without any check that throws a 401:

${comparisons('bare 401', refusedBare)}

Garbage is refused without cryptography. A forged or expired token costs a signature check, because nothing else
distinguishes it from a valid one.`
}

function signInAndRefresh({ signInAndRefresh: rows, stores: { rotation } }: Results): string | null {
  if (rows.length === 0) return null
  return `## What do sign-in and refresh cost?

The call alone, against the least that it needs: the store's own call and the cryptography.

${comparisons('the least', rows)}

A rotation in a store with many sessions, against one in a store with few (time of a single call, medians):

${table(
  ['', 'many', 'few', 'ratio'],
  rotation.map(({ name, subject, reference, ratio }) => [
    name,
    micros(subject.wallMicros),
    micros(reference.wallMicros),
    ratio.wallMicros.toFixed(2)
  ])
)}`
}

function databaseSessions({ databaseSessions: rows }: Results): string | null {
  if (rows.length === 0) return null
  return `## How do session check and refresh compare over the same database?

Routes of Fastify, and cookies of 100 users, over the same SQLite, Redis and PostgreSQL with the same drivers. The CPU
is that of the server's process. The factor says how many times the CPU of this plugin the other library needs.

${table(
  ['', 'this plugin', 'the other', 'factor', 'requests per second', 'of the other'],
  rows.map((row) => [
    row.name,
    micros(row.subject.cpuMicros),
    micros(row.reference.cpuMicros),
    factor(factorOf(row)),
    count(1e6 / row.subject.wallMicros),
    count(1e6 / row.reference.wallMicros)
  ])
)}

They do not do the same work:

- **This plugin** checks a session without its database: it verifies the access token, and follows the list of
  revocations. A sign-out on another node takes effect when that list arrives. A refresh rotates the refresh token by
  a compare-and-set, notices a stolen one, and signs a new access token.
- **\`better-auth\`** reads session and user for each check, so a sign-out takes effect immediately. (Its cookie cache,
  which is off by default, avoids the read: see the first table.) Its refresh extends the expiry of the session, at most
  once per \`updateAge\`; here \`updateAge\` is 0. The token stays the same.
- **\`@fastify/session\`** reads the session for each check, with a store of a few lines. Its rolling refresh writes the
  session with its new expiry. The identifier stays the same.`
}

function start({ startUp }: Results): string {
  return `## How long does a start take?

Cold processes. The plugin is built, as from the registry; the servers are TypeScript, and listen at the end.

${table(
  ['', 'ms', 'reference', 'ratio', 'quartiles'],
  [
    [
      'import and registration of this plugin, against the import of Fastify',
      count(startUp.importAndRegister),
      count(startUp.importFastify),
      startUp.importRatio.median.toFixed(2),
      spread(startUp.importRatio)
    ],
    [
      'the example server, against a bare server',
      count(startUp.exampleServer),
      count(startUp.bareTypeScript),
      startUp.exampleRatio.median.toFixed(2),
      spread(startUp.exampleRatio)
    ]
  ]
)}`
}

function memory({ memory, stores: { sessionBytes }, pauses }: Results): string {
  return `## How much memory does it take?

${table(
  ['', 'bytes'],
  [
    ['token in the cache', count(memory.token)],
    ['revocation', count(memory.revocation)],
    ...sessionBytes.map(({ store, bytes, sessions }) => [`session in ${store}, of ${count(sessions)}`, count(bytes)])
  ]
)}${
    pauses.length === 0
      ? ''
      : `

The longest time for which the event loop does nothing else:

${table(
  ['', 'ms'],
  pauses.map(({ what, longestMs }) => [what, longestMs.toFixed(1)])
)}`
  }`
}

function manyNodes({ manyNodes: measured }: Results): string | null {
  if (measured === null) return null
  const { nodes, scriptsPerSignOut, idleScriptsPerSecond, pushedBytes, followers } = measured
  return `## What do many nodes cost their database?

${nodes} nodes over one Redis. Each follows the list of revocations.

${table(
  ['', ''],
  [
    ['scripts for one sign-out, until it is known on each node', scriptsPerSignOut.toFixed(1)],
    ['bytes that Redis sends to one node for one sign-out', count(pushedBytes)],
    ['scripts while nothing happens, per second and node', (idleScriptsPerSecond / nodes).toFixed(2)]
  ]
)}

${count(followers.count)} simulated nodes, and ${count(followers.signOutsPerSecond)} sign-outs per second. "Polling" is what nodes do while Redis does not push:

${table(
  ['', 'pushed', 'polling'],
  [
    [
      'CPU of Redis for one sign-out, for all nodes together',
      micros(followers.cpuMicrosPerSignOut.push),
      micros(followers.cpuMicrosPerSignOut.poll)
    ],
    [
      'bytes for one sign-out, to all nodes together',
      count(followers.bytesPerSignOut.push),
      count(followers.bytesPerSignOut.poll)
    ],
    [
      'until the last node knows the sign-out',
      `${count(followers.lastDelayMs.push)} ms`,
      `${count(followers.lastDelayMs.poll)} ms`
    ]
  ]
)}`
}

function storm({ storm: rows }: Results): string | null {
  const [first] = rows
  if (first === undefined) return null
  return `## What happens when all clients refresh at the same time?

${count(first.refreshes)} refreshes, ${first.inTheAir} of them open at a time, sent to three nodes of the example server, as after a restart of the
whole fleet. Nodes, database and clients share the machine.

${table(
  ['', 'seconds', '503', 'other failures', 'median', '99 %', 'longest'],
  rows.map(({ store, seconds, unavailable, failed, p50, p99, longest }) => [
    store,
    seconds.toFixed(1),
    count(unavailable),
    count(failed),
    `${count(p50)} ms`,
    `${count(p99)} ms`,
    `${count(longest)} ms`
  ])
)}

A client that receives 503 waits as \`Retry-After\` says, and sends its refresh again: no session is lost.`
}

/** Rows of the picture: what a request costs, relative to a route without any check. */
export function pictureRows({ protectedRoute: { floors, plugin, peers } }: Pick<Results, 'protectedRoute'>) {
  const own = [names.seen('HS256', 'header'), names.seen('HS256', 'cookie'), names.unseen('HS256')]
  return [
    ...floors.map((row) => ({ ...row, own: false })),
    ...plugin
      .filter(({ name }) => own.includes(name))
      .map((row) => ({ ...row, name: `this plugin: ${row.name}`, own: true })),
    ...peers.map((row) => ({ ...row, own: false }))
  ]
}
