// Three nodes of the example server, as `npm run cluster` starts them, under a storm of refreshes. None may be refused
// with 503: the storm is large, but the server can serve it. A machine that is busy with other work may be too slow for
// it: clients then wait as `Retry-After` says, and no session is lost.
import t from 'tap'
import { password } from '../../fixtures/example-client.ts'
import { databaseNames, databases, skips } from '../../fixtures/example-databases.ts'
import { startCluster } from '../../fixtures/example-server.ts'
import { refreshInStorm, startSessions } from '../../fixtures/storm.ts'

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
    t.strictSame(outcomes, { 200: refreshes }, 'no 503')
  })
}
