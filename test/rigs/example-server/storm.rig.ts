// Three nodes of the example server, as `npm run cluster` starts them, under a storm of refreshes. No session may be
// lost. A machine that is too slow for the storm responds with 503 to some refreshes, whose clients wait as
// `Retry-After` says: the benchmark counts them.
import t from 'tap'
import { password } from '../../fixtures/example-client.ts'
import { databaseNames, databases, skips } from '../../fixtures/example-databases.ts'
import { startCluster } from '../../fixtures/example-server.ts'
import { refreshInStorm, startSessions, unavailable } from '../../fixtures/storm.ts'

t.setTimeout(300_000)

const refreshes = 10_000
const concurrency = 600

const noServer = async () => ({ env: {} as Record<string, string>, stop: async () => {} })

for (const name of ['sqlite', ...databaseNames] as const) {
  const skip = name === 'sqlite' ? { skip: false } : skips[name]
  t.test(`npm run cluster serves ${refreshes} refreshes, ${concurrency} at a time, on ${name}`, skip, async (t) => {
    const server = await (name === 'sqlite' ? noServer() : databases[name]())
    t.teardown(server.stop)
    const env = {
      ...server.env,
      DATA_DIR: t.testdir(),
      DEMO_PASSWORD: password,
      AUTH_SECRET: 'a secret of 32 bytes for a storm',
      // The default, unlike that of the fixture.
      LOG_LEVEL: 'info'
    }
    const tokens = await startSessions(t, { env, count: refreshes })
    const { a, b, c, stop } = await startCluster(env)
    const { outcomes, seconds, ...times } = await refreshInStorm({ urls: [a, b, c], tokens, concurrency })
    t.comment(`${name}: ${seconds.toFixed(1)} s, ${JSON.stringify(outcomes)}, in ms ${JSON.stringify(times)}`)
    t.equal(await stop(), 0)
    const { 200: refreshed, [unavailable]: later = 0, ...others } = outcomes
    t.strictSame({ refreshed, others }, { refreshed: refreshes, others: {} }, `every session continues, ${later} later`)
  })
}
