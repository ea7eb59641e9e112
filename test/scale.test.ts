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

t.test('nodesFor() counts a token as new once on each node that it reaches', async (t) => {
  const { applicationCores, pluginCores, nodes, revocationBytes } = nodesFor(6e6, costs)
  t.equal(applicationCores, 60)
  // 60,000 requests of 1 µs, 1,000 refreshes of 500 µs, 11.9 sign-ins and sign-outs of 2,000 µs; each of the 1,011.9
  // tokens per second has 59.3 requests, which reach as many of the 124 nodes: 60,000 of 20 µs.
  t.equal(pluginCores.toFixed(3), (0.06 + 0.5 + 0.0238 + 1.2).toFixed(3))
  t.equal(nodes, 124)
  t.equal(Math.round(revocationBytes), Math.round((6e6 / 14 / 10 / 3600) * 660 * 90))
})

t.test('primariesFor() names what requires the most primaries', async (t) => {
  const redisFor = (sessionBytes: number) => {
    const databases = costs.databases.map((database) => ({ ...database, sessionBytes }))
    const [redis] = primariesFor(1e8, { ...costs, databases })
    return [redis!.primaries, redis!.limit]
  }
  // 2.1 cores, of which one primary may use half a one; 50 GB would fit into two.
  t.same(redisFor(500), [5, 'CPU'])
  // 300 GB, at 32 GB for each.
  t.same(redisFor(3000), [10, 'memory'])
})

t.test('primariesFor() counts the pool of every node, and its connection that listens', async (t) => {
  const { nodes } = nodesFor(1e8, costs)
  const [redis, postgres] = primariesFor(1e8, costs)
  t.same([redis!.connections, postgres!.connections], [2 * nodes, 11 * nodes])
})
