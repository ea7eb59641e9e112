import t from 'tap'
import { loadOf, nodesFor, primariesFor, type Costs } from '../bench/scale.ts'

const costs: Costs = {
  node: { seen: 1, unseen: 20, refresh: 500, signIn: 1500 },
  databases: ['redis', 'postgres'].map((store) => ({
    store,
    sessionBytes: 500,
    operations: [
      { name: 'sign-in', cpuMicros: 50 },
      { name: 'refresh', cpuMicros: 100 },
      { name: 'sign-out', cpuMicros: 40 },
      { name: 'empty read of the log', cpuMicros: 10 }
    ]
  })),
  revocationBytes: 90,
  pushed: { bytes: 100, cpuMicros: 1 }
}

t.test('loadOf() returns requests, refreshes and sign-ins of the busiest hour per second', async (t) => {
  const { requests, refreshes, signIns } = loadOf(6e6)
  t.equal(requests, 60_000)
  t.equal(refreshes, 1000)
  t.equal(Number(signIns.toFixed(3)), 11.905)
})

t.test('nodesFor() plans for tokens that no node has seen before', async (t) => {
  const { applicationCores, leastPluginCores, mostPluginCores, nodes, revocationBytes } = nodesFor(6e6, costs)
  t.equal(applicationCores, 60)
  // 1,000 refreshes of 500 µs, 11.9 sign-ins and sign-outs of 2,000 µs, and 60,000 requests of 1 or 20 µs.
  t.equal(leastPluginCores.toFixed(3), (0.5 + 0.0238 + 0.06).toFixed(3))
  t.equal(mostPluginCores.toFixed(3), (0.5 + 0.0238 + 1.2).toFixed(3))
  t.equal(nodes, Math.ceil((60 + 0.5238 + 1.2) / 0.5))
  t.equal(Math.round(revocationBytes), Math.round((6e6 / 14 / 10 / 3600) * 660 * 90))
})

t.test('primariesFor() says what one primary has too little of, and how many suffice', async (t) => {
  const figuresFor = (users: number, sessionBytes: number) => {
    const databases = costs.databases.map((database) => ({ ...database, sessionBytes }))
    return primariesFor(users, { ...costs, databases }).map(({ primaries, shortage }) => [primaries, shortage])
  }
  // 23 nodes: 253 connections to PostgreSQL.
  t.same(figuresFor(1e6, 500), [
    [1, null],
    [1, null]
  ])
  // Redis: 2.1 cores, of which one primary may use half a one; 50 GB would fit into two.
  t.same(figuresFor(1e8, 500), [
    [5, 'CPU'],
    [1, 'connections']
  ])
  // 300 GB, at 32 GB for each.
  t.same(figuresFor(1e8, 3000)[0], [10, 'memory'])
})

t.test('primariesFor() counts the pool of every node, and its connection that listens', async (t) => {
  const { nodes } = nodesFor(1e8, costs)
  const [redis, postgres] = primariesFor(1e8, costs)
  t.same([redis!.connections, postgres!.connections], [2 * nodes, 11 * nodes])
})
