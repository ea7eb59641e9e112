import { rowOf } from '../comparison.ts'
import type { Followers } from '../followers.ts'
import { names } from '../names.ts'
import type { Results } from '../results.ts'
import { followersTable } from './followers.ts'
import { count, micros, table } from './tables.ts'
import { assumptions, loadOf, nodesFor, primariesFor, type Costs, type Nodes, type Primaries } from '../scale.ts'

const populations = [1e6, 1e7, 1e8]
const databaseNames: Readonly<Record<string, string>> = { redis: 'Redis', postgres: 'PostgreSQL' }

/** Writes the text of `docs/scale.md`. */
export function describeScale(results: Results): string {
  const costs = costsOf(results)
  const shown = costs.databases.map(({ store }) => store)
  const { followers } = results.manyNodes!
  const { pollSeconds } = assumptions
  return `# Scale

Estimate how many nodes, databases and megabytes your users need, and see what breaks first. This page is generated
from \`bench/results.json\`: [performance.md](performance.md) says when and how it was measured. A *node* is a process
of your application. A *primary* is a database that accepts writes; [shardedStore()](sharded-store.md) spreads the
sessions over several.

## In short

${summary(costs)}

## What is assumed

All users are alike here, and so are all days. Replace what differs for you: the figures below are products of these.

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
    ['connections of a node', `${assumptions.poolSize} to PostgreSQL or 1 to Redis, and 1 that listens`]
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
    ['sign-out', '', ...ofDatabases(costs, 'sign-out')],
    ['read of the revocation log that finds nothing new', '', ...ofDatabases(costs, 'empty read of the log')]
  ]
)}

For requests, this is what the plugin adds to the bare route, with HS256. Checking a password is not included: a hash
that takes 100 ms costs more than everything else here together, so plan cores for it by the number of sign-ins.

## Nodes

${table(
  ['active users', ...populations.map(count)],
  [
    ['cores of the application', ...ofNodes(costs, ({ applicationCores }) => decimal(applicationCores))],
    ['cores that the plugin adds', ...ofNodes(costs, ({ pluginCores }) => decimal(pluginCores))],
    ['nodes of one core', ...ofNodes(costs, ({ nodes }) => count(nodes))],
    ['list of revocations, in each node', ...ofNodes(costs, ({ revocationBytes }) => bytes(revocationBytes))]
  ]
)}

A revocation stays in the list for as long as an access token is valid, and a minute more. A million sign-outs an hour
keep ${bytes(revocationsOfAMillion(costs))} in each node.

## Databases

${shown.map((store) => databaseTable(costs, store)).join('\n\n')}

"Sent for sign-outs" is what all primaries together send to all nodes per second, so that each node refuses the access
tokens of sessions that have ended.

## How a sign-out reaches many nodes

Redis sends each entry of the revocation log to every node. Each node also reads the log every ${pollSeconds} seconds,
and without push every second (\`revocation.pollSeconds\`). This was measured with ${followers.count} followers of one
Redis, and ${followers.signOutsPerSecond} sign-outs per second:

${followersTable(followers)}

A sign-out that nobody follows takes ${micros(followers.cpuMicrosPerSignOut.alone)} of Redis. All followers ran in one
process here, which shares two cores with Redis: the delays of separate machines differ.

## What breaks first

${limits(costs)}
`
}

function costsOf({ protectedRoute, stores, databaseLoad, memory, signInAndRefresh, manyNodes }: Results): Costs {
  const added = (name: string) => {
    const { subject, reference } = rowOf(protectedRoute.plugin, name)
    return subject.cpuMicros - reference.cpuMicros
  }
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
  const [fewest] = populations
  const few = primariesFor(fewest!, costs)
  const most = primariesFor(populations.at(-1)!, costs)
  const named = (primaries: readonly Primaries[]) =>
    primaries.map(({ store, primaries }) => `${count(primaries)} of ${databaseNames[store]}`).join(' or ')
  const { pluginCores, applicationCores } = nodesFor(fewest!, costs)
  return `- The plugin adds ${percent(pluginCores / applicationCores)} to the cores of an application that spends
  ${assumptions.applicationMicros / 1000} ms per request.
- ${count(fewest!)} active users need ${named(few)} as primaries; ${count(populations.at(-1)!)} need ${named(most)}.
- Protected routes do not read the database, so requests do not count there: refreshes, sign-ins and sign-outs do.`
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

function limits(costs: Costs): string {
  const rows = populations.flatMap((users) =>
    primariesFor(users, costs).map(({ store, limit, primaries, connections }) => [
      count(users),
      databaseNames[store]!,
      primaries > 1 ? `the ${limit} of one primary` : connections > connectionLimit[store]! ? 'connections' : 'nothing'
    ])
  )
  return `${table(['active users', 'with one primary of', 'breaks first'], rows)}

A PostgreSQL server with many hundreds of connections needs a pooler such as PgBouncer in front of it. In its
transaction mode, sign-outs reach the nodes by polling: see [stores.md](stores.md).`
}

/** What is usual without a pooler, and the default of `maxclients`. */
const connectionLimit: Readonly<Record<string, number>> = { postgres: 500, redis: 10_000 }

function revocationsOfAMillion({ revocationBytes }: Costs): number {
  return (1e6 / 3600) * (assumptions.accessTokenSeconds + 60) * revocationBytes
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
