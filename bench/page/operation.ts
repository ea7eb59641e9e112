import type { Results } from '../results.ts'
import { followersTable } from './followers.ts'
import { count, spread, table } from './tables.ts'

export function start({ startUp }: Results): string {
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

export function memory({ memory, stores: { sessionBytes }, pauses }: Results): string {
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
  ['', 'time', 'CPU'],
  pauses.map(({ what, longestMs, longestCpuMs }) => [
    what,
    `${longestMs.toFixed(1)} ms`,
    `${longestCpuMs.toFixed(1)} ms`
  ])
)}`
  }`
}

export function manyNodes({ manyNodes: measured }: Results): string | null {
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

${count(followers.count)} simulated nodes, and ${count(followers.signOutsPerSecond)} sign-outs per second. Nodes poll
while Redis does not push:

${followersTable(followers)}`
}

export function storm({ storm: rows }: Results): string | null {
  const [first] = rows
  if (first === undefined) return null
  return `## What happens when all clients refresh at the same time?

${count(first.refreshes)} refreshes, ${first.concurrency} of them open at a time, sent to three nodes of the example
server, as after a restart of the whole fleet. Nodes, database and clients share the machine.

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
