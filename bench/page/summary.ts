import { rowOf, type NamedComparison } from '../comparison.ts'
import type { DatabaseSession } from '../database-sessions.ts'
import { names } from '../names.ts'
import type { Results } from '../results.ts'
import { addedMicros, count, factor, micros, times } from './tables.ts'

/** What a reader learns first: how the plugin compares, and what it costs. */
export function summarize(results: Results): string {
  return [seenTokens(results), newTokens(results), sessions(results), memory(results)]
    .filter((sentence) => sentence !== null)
    .join('\n')
}

function seenTokens({ protectedRoute: { plugin, floors, peers } }: Results): string {
  const seen = rowOf(plugin, names.seen('HS256', 'header'))
  const least = rowOf(floors, names.leastHook('header'))
  const cached = rowOf(peers, names.peer.cached)
  const uncached = rowOf(peers, names.peer.uncached)
  return `- **A protected route** costs ${micros(addedMicros(seen))} of CPU more than a route without any check, if the
  token was seen before: ${times(seen)} times as much. \`@fastify/jwt\` costs ${times(uncached)} times as much, and with
  its cache ${times(cached)} times; the least hook that finds the user, ${times(least)} times. The store is not read.`
}

function newTokens({ protectedRoute: { unseen } }: Results): string {
  const [least, most] = range(unseen.map(({ subject }) => subject.cpuMicros))
  const [lowest, highest] = range(unseen.map(({ ratio }) => ratio.cpuMicros))
  return `- **The first request with a token** costs ${micros(least)} to ${micros(most)}, which depends on the
  algorithm: ${lowest.toFixed(2)} to ${highest.toFixed(2)} times \`@fastify/jwt\` without its cache.`
}

function sessions({ databaseSessions: rows }: Results): string | null {
  if (rows.length === 0) return null
  const needed = (peer: DatabaseSession['peer'], request: DatabaseSession['request']) =>
    range(rows.filter((row) => row.peer === peer && row.request === request).map(factorOf))
      .map(factor)
      .join(' to ')
  const [checkOfAuth, checkOfSession] = [needed('better-auth', 'check'), needed('@fastify/session', 'check')]
  const [refreshOfAuth, refreshOfSession] = [needed('better-auth', 'refresh'), needed('@fastify/session', 'refresh')]
  const ownRefreshes = rows.filter(({ request }) => request === 'refresh').map(({ subject }) => subject.cpuMicros)
  const [least, most] = range(ownRefreshes)
  return `- **A session check** does not read the database. Over the same databases, \`better-auth\` needs
  ${checkOfAuth} times the CPU of this plugin for it, and \`@fastify/session\` ${checkOfSession} times.
- **A refresh** writes to the database, and takes ${micros(least)} to ${micros(most)} of CPU. \`better-auth\` needs
  ${refreshOfAuth} times the CPU for its refresh, and \`@fastify/session\` ${refreshOfSession} times. Theirs
  keep the same token; this plugin rotates it.`
}

function memory({ memory, stores: { sessionBytes }, startUp }: Results): string {
  const inMemory = sessionBytes.filter(({ store }) => store === 'memory')
  const start = startUp.importRatio.median
  const session = inMemory.map(({ bytes }) => `, and a session of the memory store ${count(bytes)}`).join('')
  return `- **In memory**, a token takes ${count(memory.token)} bytes,
  a revocation ${count(memory.revocation)}${session}.
- **The start** takes ${count(startUp.importAndRegister)} ms more: ${start.toFixed(2)} times the import of Fastify.`
}

/** How many times the CPU of this plugin the other library needs. */
export function factorOf({ ratio }: NamedComparison): number {
  return 1 / ratio.cpuMicros
}

function range(values: readonly number[]): [number, number] {
  return [Math.min(...values), Math.max(...values)]
}
