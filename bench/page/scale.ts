import { rowOf } from '../comparison.ts'
import type { Followers } from '../followers.ts'
import { names } from '../names.ts'
import type { Results } from '../results.ts'
import { followersTable } from './followers.ts'
import { addedMicros, count, micros, table } from './tables.ts'
import {
  assumptions,
  loadOf,
  nodesFor,
  primariesFor,
  revocationBytesFor,
  type Costs,
  type Nodes,
  type Primaries
} from '../scale.ts'

const populations = [1e6, 1e7, 1e8]
const databaseNames: Readonly<Record<string, string>> = { redis: 'Redis', postgres: 'PostgreSQL' }

/** Writes the text of `docs/scale.md`. */
export function describeScale(results: Results): string {
  const costs = costsOf(results)
  const shown = costs.databases.map(({ store }) => store)
  const { followers } = results.manyNodes!
  const { pollSeconds, maxConnections } = assumptions
  return `# Scale

Estimate how many nodes, databases and megabytes your users need, and see what breaks first. A *node* is a process of
your application. A *primary* is a database that accepts writes; [shardedStore()](sharded-store.md) spreads the sessions
over several.

${summary(costs)}

Protected routes do not read the database. So what a primary has to do follows from refreshes, sign-ins and sign-outs,
not from requests. The figures are products of what is assumed and what was measured: replace what differs for you. When
and how it was measured is in [performance.md](performance.md).

## What is assumed

All users are alike here, and so are all days.

${table(
  ['assumption', 'value'],
  [
    ['active users, with one session each', populations.map(count).join(', ')],
    ['online in the busiest hour', percent(assumptions.onlineShare)],
    ['an online user sends a request', `every ${assumptions.secondsBetweenRequests} s`],
    ['an online user refreshes', `every ${assumptions.accessTokenSeconds} s, the lifetime of an access token`],
    ['a user signs in, and signs out', `every ${assumptions.daysBetweenSignIns} days`],
    ['share of a day in its busiest hour', percent(assumptions.busiestHourShare)],
    ['CPU time of the application per request', `${assumptions.applicationMicros / 1000} ms`],
    ['a core is busy', `${percent(assumptions.utilization)} of the time`],
    ['a Redis primary', `1 core and ${bytes(assumptions.bytesOfRedis)} of memory`],
    ['a PostgreSQL primary', `${assumptions.coresOfPostgres} cores`],
    ['a node reads the revocation log of each primary', `every ${pollSeconds} s`],
    ['connections of a node', `${assumptions.poolSize} to PostgreSQL or 1 to Redis, and 1 that listens`],
    [
      'connections that a PostgreSQL primary accepts',
      `${count(maxConnections.postgres!)} (\`max_connections\`, by default 100)`
    ],
    ['connections that a Redis primary accepts', `${count(maxConnections.redis!)} (\`maxclients\`, the default)`]
  ]
)}

This makes, per second of the busiest hour:

${table(
  ['active users', ...populations.map(count)],
  [
    ['requests', ...populations.map((users) => count(loadOf(users).requests))],
    ['refreshes', ...populations.map((users) => count(loadOf(users).refreshes))],
    ['sign-ins, and as many sign-outs', ...populations.map((users) => count(loadOf(users).signIns))]
  ]
)}

## What was measured

${table(
  ['CPU time of one', 'node', ...shown.map((store) => databaseNames[store]!)],
  [
    ['request with a token seen before', micros(costs.node.seen), ...shown.map(() => '0')],
    ['request with a new token', micros(costs.node.unseen), ...shown.map(() => '0')],
    ['refresh', micros(costs.node.refresh), ...ofDatabases(costs, 'refresh')],
    ['sign-in, without the check of the password', micros(costs.node.signIn), ...ofDatabases(costs, 'sign-in')],
    ['sign-out', 'as a refresh', ...ofDatabases(costs, 'sign-out')],
    ['read of the revocation log that finds nothing new', 'not counted', ...ofDatabases(costs, 'empty read of the log')]
  ]
)}

For requests, this is what the plugin adds to the bare route, with HS256. The databases received 32 calls at a time.
PostgreSQL carries out refreshes that arrive together in one statement, and everything else call by call.

Checking a password is not included: a hash that takes 100 ms costs more than everything else here together, so plan
cores for it by the number of sign-ins.

## Nodes

${table(
  ['active users', ...populations.map(count)],
  [
    ['cores of the application', ...ofNodes(costs, ({ applicationCores }) => decimal(applicationCores))],
    ['cores that the plugin adds, all tokens seen before', ...ofNodes(costs, (row) => decimal(row.leastPluginCores))],
    ['cores that the plugin adds, all tokens new', ...ofNodes(costs, (row) => decimal(row.mostPluginCores))],
    ['nodes of one core', ...ofNodes(costs, ({ nodes }) => count(nodes))],
    ['list of revocations, in each node', ...ofNodes(costs, ({ revocationBytes }) => bytes(revocationBytes))]
  ]
)}

The cache decides where between these two rows a node is. If requests are spread evenly, each node receives the tokens
of nearly all users who are online, up to one for each request; \`accessToken.cacheSize\` (10,000) says how many it
keeps. A token in the cache takes ${bytes(results.memory.token)}.

A revocation stays in the list for as long as an access token is valid, and a minute more. A million sign-outs an hour
keep ${bytes(revocationBytesFor(1e6 / 3600, costs))} in each node.

## Databases

${shown.map((store) => databaseTable(costs, store)).join('\n\n')}

"Sent for sign-outs" is what all primaries together send to all nodes per second, so that each node refuses the access
tokens of sessions that have ended. What it costs a primary to send was measured with Redis, and is assumed to be the
same for PostgreSQL.

A PostgreSQL server with many hundreds of connections needs a pooler such as PgBouncer in front of it. In its
transaction mode, sign-outs reach the nodes by polling: see [stores.md](stores.md#push).

## How a sign-out reaches many nodes

Redis sends each entry of the revocation log to every node. Each node also reads the log every ${pollSeconds} seconds,
and without push every second (\`revocation.pollSeconds\`). This was measured with ${followers.count} followers of one
Redis, and ${followers.signOutsPerSecond} sign-outs per second:

${followersTable(followers)}

At so few sign-outs, this includes what Redis does anyway: a sign-out that nobody follows takes
${micros(followers.cpuMicrosPerSignOut.alone)}. All followers ran in one process here, which shares two cores with
Redis: the delays of separate machines differ.
`
}

function costsOf({ protectedRoute, stores, databaseLoad, memory, signInAndRefresh, manyNodes }: Results): Costs {
  const added = (name: string) => addedMicros(rowOf(protectedRoute.plugin, name))
  const onPostgres = (name: string) =>
    rowOf(
      signInAndRefresh.filter(({ store }) => store === 'postgres'),
      `postgres: ${name}`
    ).subject.cpuMicros
  return {
    node: {
      seen: added(names.seen('HS256', 'header')),
      unseen: added(names.unseen('HS256')),
      refresh: onPostgres('refresh'),
      signIn: onPostgres('sign-in')
    },
    databases: databaseLoad.map((load) => ({
      ...load,
      sessionBytes: stores.sessionBytes.find(({ store }) => store === load.store)!.bytes
    })),
    revocationBytes: memory.revocation,
    pushed: { bytes: manyNodes!.pushedBytes, cpuMicros: cpuOfPush(manyNodes!.followers) }
  }
}

function cpuOfPush({ count, cpuMicrosPerSignOut: { push, alone } }: Followers): number {
  return Math.max(0, push - alone) / count
}

function summary(costs: Costs): string {
  return table(
    ['active users', 'nodes of one core', 'cores that the plugin adds', 'primaries', 'breaks first with one'],
    populations.map((users) => {
      const { nodes, applicationCores, leastPluginCores, mostPluginCores } = nodesFor(users, costs)
      const needed = primariesFor(users, costs)
      return [
        count(users),
        count(nodes),
        `${decimal(leastPluginCores)} to ${decimal(mostPluginCores)}, beside ${count(applicationCores)}`,
        needed.map(({ store, primaries }) => `${count(primaries)} of ${databaseNames[store]!}`).join(' or '),
        needed.map(shortageOf).filter(Boolean).join(', ') || 'nothing'
      ]
    })
  )
}

function shortageOf({ store, shortage }: Primaries): string | null {
  return shortage && `${shortage} of ${databaseNames[store]!}`
}

function databaseTable(costs: Costs, store: string): string {
  const figures = populations.map((users) => primariesFor(users, costs).find((row) => row.store === store)!)
  const of = (show: (row: Primaries) => string) => figures.map(show)
  return table(
    [databaseNames[store]!, ...populations.map(count)],
    [
      ['cores', ...of(({ cores }) => decimal(cores))],
      [`${store === 'redis' ? 'memory' : 'disk'} for sessions`, ...of(({ bytes: size }) => bytes(size))],
      ['primaries', ...of(({ primaries }) => count(primaries))],
      ['connections of each primary', ...of(({ connections }) => count(connections))],
      ['sent for sign-outs', ...of(({ pushedBytesPerSecond }) => `${bytes(pushedBytesPerSecond)} / s`)]
    ]
  )
}

function ofNodes(costs: Costs, show: (nodes: Nodes) => string): string[] {
  return populations.map((users) => show(nodesFor(users, costs)))
}

function ofDatabases({ databases }: Costs, name: string): string[] {
  return databases.map(({ operations }) => micros(operations.find((operation) => operation.name === name)!.cpuMicros))
}

function decimal(value: number): string {
  return value < 10 ? value.toFixed(2) : count(value)
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`
}

function bytes(value: number): string {
  const power = Math.min(Math.floor(Math.log(Math.max(value, 1)) / Math.log(1000)), 4)
  const scaled = value / 1000 ** power
  return `${scaled < 10 && power > 0 ? scaled.toFixed(1) : scaled.toFixed(0)} ${['B', 'KB', 'MB', 'GB', 'TB'][power]}`
}
