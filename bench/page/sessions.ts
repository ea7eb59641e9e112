import { users } from '../database-sessions.ts'
import type { Results } from '../results.ts'
import { factorOf } from './summary.ts'
import { comparisons, count, factor, micros, table } from './tables.ts'

export function signInAndRefresh({ signInAndRefresh: rows, stores: { rotation } }: Results): string | null {
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

export function databaseSessions({ databaseSessions: rows }: Results): string | null {
  if (rows.length === 0) return null
  return `## How do session check and refresh compare over the same database?

Routes of Fastify, and cookies of ${users} users, over the same SQLite, Redis and PostgreSQL with the same drivers.
A refresh responds with its cookies and without a body (204). The CPU is that of the server's process. The factor says
how many times the CPU of this plugin the other library needs.

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
