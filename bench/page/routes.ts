import { median } from '../bursts.ts'
import type { NamedComparison } from '../comparison.ts'
import { names } from '../names.ts'
import type { Results } from '../results.ts'
import { comparisons, count, micros, spread, table, times } from './tables.ts'

export function protectedRoute({
  protectedRoute: { floors, plugin, peers, seen, direct, revocations }
}: Results): string {
  const own = plugin.filter(({ name }) => name.endsWith('seen before') && !name.includes('not seen'))
  const bare = median(floors.map(({ reference }) => reference.cpuMicros))
  return `## What does a protected route cost?

The CPU of one request, relative to the same route without any check, which takes ${micros(bare)}. The token was seen
before.

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

export function firstRequest({ protectedRoute: { plugin, unseen }, verification }: Results): string {
  return `## What does a first request cost?

A token that is not in the cache: its signature must be checked. Relative to the route without any check:

${table(
  ['', 'CPU', 'relative', 'quartiles', 'requests per second'],
  plugin.filter(({ name }) => name.includes('not seen')).map(routeRow)
)}

The same against a route of \`@fastify/jwt\` without its cache, with the same key and the same tokens:

${comparisons('`@fastify/jwt`', unseen)}

\`request.authenticate()\` alone, against \`request.jwtVerify()\` of \`@fastify/jwt\`, and against the signature check
of \`node:crypto\`, which is the least that is possible:

${comparisons('reference', verification)}

The plugin also checks what \`@fastify/jwt\` does not: canonical base64url, valid UTF-8 and the claims of RFC 9068. It
freezes the claims, and keeps the token in its cache.`
}

export function refusedRequest({ protectedRoute: { refused, refusedBare } }: Results): string {
  return `## What does a refused request cost?

Against \`@fastify/jwt\` that refuses the same request:

${comparisons('`@fastify/jwt`', refused)}

Against a route without any check that throws a 401:

${comparisons('bare 401', refusedBare)}

Garbage is refused without cryptography. A forged or expired token costs a signature check, because nothing else
distinguishes it from a valid one.`
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
