// Three nodes of the example server, as `npm run cluster` starts them, under a storm of refreshes. None may be refused
// with 503: the storm is large, but the server can serve it. PostgreSQL needs twice the processor time. A machine that
// is busy with other work may be too slow for it: clients then wait as `Retry-After` says, and no session is lost.
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { password } from '../../fixtures/example-client.ts'
import { databaseNames, databases, skips } from '../../fixtures/example-databases.ts'
import { createInjected, startCluster } from '../../fixtures/example-server.ts'

t.setTimeout(300_000)

const refreshes = 10_000
const inTheAir = 600
/** What a node responds while its store is too slow. */
const unavailable = '503 AUTH_STORE_UNAVAILABLE'
const retryAfterMs = 2000
/** Fewer than the sessions that one user may have. */
const sessionsOfUser = 50

type Environment = Record<string, string>

/** Starts as many sessions as there will be refreshes, and resolves to their refresh tokens. */
async function startSessions(t: Test, env: Environment): Promise<string[]> {
  const { app, signIn } = await createInjected(t, { env: { ...env, LOG_LEVEL: 'silent' } })
  const users = Array.from({ length: refreshes / sessionsOfUser }, (_, index) => `user-${index}`)
  const tokens: string[] = []
  for (const user of users) {
    // The first one adds the user.
    const first = await signIn(user)
    const others = await Promise.all(Array.from({ length: sessionsOfUser - 1 }, async () => await signIn(user)))
    tokens.push(...[first, ...others].map(({ refreshToken }) => refreshToken))
  }
  await app.close()
  return tokens
}

interface Answer {
  readonly outcome: string
  readonly ms: number
}

/** Refreshes each token once, so many at a time, in turn on each node. */
async function storm(urls: readonly string[], tokens: readonly string[]): Promise<Answer[]> {
  const agent = new Agent({ keepAlive: true })
  let waiting = tokens.entries()
  let later: [number, string][] = []
  const answers: Answer[] = []
  async function client(): Promise<void> {
    for (const [index, token] of waiting) {
      const began = performance.now()
      const outcome = await refresh({ url: urls[index % urls.length]!, token, agent }).catch(
        (error: NodeJS.ErrnoException) => error.code ?? error.message
      )
      answers.push({ outcome, ms: performance.now() - began })
      if (outcome === unavailable) later.push([index, token])
    }
  }
  await Promise.all(Array.from({ length: inTheAir }, client))
  while (later.length > 0) {
    await setTimeout(retryAfterMs)
    waiting = later.values() as typeof waiting
    later = []
    await Promise.all(Array.from({ length: inTheAir }, client))
  }
  agent.destroy()
  return answers
}

/** Resolves to the status, with the code of a refusal. */
async function refresh({ url, token, agent }: { url: string; token: string; agent: Agent }): Promise<string> {
  const sent = request(`${url}/auth/refresh`, {
    method: 'POST',
    agent,
    headers: { 'content-type': 'application/json' }
  }).end(JSON.stringify({ refresh_token: token }))
  const [response] = await once(sent, 'response')
  const body = JSON.parse(await text(response)) as { code?: string }
  return response.statusCode === 200 ? '200' : `${response.statusCode} ${body.code}`
}

function summaryOf(answers: readonly Answer[]) {
  const outcomes: Record<string, number> = {}
  for (const { outcome } of answers) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
  const sorted = answers.map(({ ms }) => ms).sort((a, b) => a - b)
  const percentile = (share: number) => Math.round(sorted[Math.ceil(share * sorted.length) - 1]!)
  return { outcomes, p50: percentile(0.5), p99: percentile(0.99), longest: percentile(1) }
}

const noServer = async () => ({ env: {} as Environment, stop: async () => {} })

for (const name of ['sqlite', ...databaseNames] as const) {
  const skip = name === 'sqlite' ? { skip: false } : skips[name]
  t.test(`npm run cluster serves ${refreshes} refreshes, ${inTheAir} in the air, on ${name}`, skip, async (t) => {
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
    const tokens = await startSessions(t, env)
    const { a, b, c, stop } = await startCluster(env)
    const began = performance.now()
    const { outcomes, ...times } = summaryOf(await storm([a, b, c], tokens))
    const seconds = ((performance.now() - began) / 1000).toFixed(1)
    t.comment(`${name}: ${seconds} s, ${JSON.stringify(outcomes)}, in ms ${JSON.stringify(times)}`)
    t.equal(await stop(), 0)
    const { [unavailable]: refused, ...others } = outcomes
    t.strictSame(others, { 200: refreshes })
    if (name !== 'postgres') t.equal(refused, undefined, 'no 503')
  })
}
