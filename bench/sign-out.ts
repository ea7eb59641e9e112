import { mkdtemp, rm } from 'node:fs/promises'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { startCluster } from '../test/fixtures/example-server.ts'
import { startPostgres } from '../test/fixtures/postgres-server.ts'
import { startRedis } from '../test/fixtures/redis-server.ts'
import { createClient, type Client } from './client.ts'

/** The plugin's default, which the example server keeps. */
const pollMs = 1000
const slackMs = 50
const password = 'correct horse battery staple'

interface Tokens {
  access_token: string
  refresh_token: string
}
type Delays = [onB: number, onC: number]

/** The stores, how many sign-outs are measured with each, and the limit of their p99. */
const stores = {
  redis: { signOuts: 1000, limitMs: slackMs, open: openRedis },
  postgres: { signOuts: 1000, limitMs: slackMs, open: openPostgres },
  sqlite: { signOuts: 50, limitMs: pollMs + slackMs, open: async () => ({ env: {}, stop: async () => {} }) }
}

async function openRedis() {
  const { path, stop } = await startRedis('--appendonly', 'yes')
  return { env: { REDIS_URL: `unix://${path}` }, stop }
}

async function openPostgres() {
  const {
    connection: { host, user, database },
    stop
  } = await startPostgres()
  return { env: { DATABASE_URL: `postgres://${user}@${encodeURIComponent(host)}/${database}` }, stop }
}

async function login(node: Client): Promise<Tokens> {
  const { status, body } = await node.send('POST', '/auth/login', { body: { username: 'alice', password } })
  if (status !== 200) throw new Error(`the login failed with ${status}`)
  return JSON.parse(body)
}

/** Sends one request after the other; resolves to the time at which the token was refused. */
async function refusedAt(node: Client, { access_token: token }: Tokens, onFirst: () => void): Promise<number> {
  for (;;) {
    const { status } = await node.send('GET', '/me', { token })
    if (status === 401) return performance.now()
    if (status !== 200) throw new Error(`/me failed with ${status}`)
    onFirst()
  }
}

/**
 * Measures from the moment at which the sign-out is sent to A, so that every delay counts. With polling this is the
 * worst case: each sign-out follows directly after the poll that completed the one before.
 */
async function measure([a, b, c]: [Client, Client, Client], tokens: Tokens): Promise<Delays> {
  const accepted = [b, c].map((node) => {
    const { promise, resolve } = withResolvers()
    const refused = refusedAt(node, tokens, resolve)
    return { refused, first: Promise.race([promise, refused]) }
  })
  await Promise.all(accepted.map(({ first }) => first))
  const sentAt = performance.now()
  const { status } = await a.send('POST', '/auth/logout', { body: { refresh_token: tokens.refresh_token } })
  if (status !== 204) throw new Error(`the sign-out failed with ${status}`)
  const times = await Promise.all(accepted.map(({ refused }) => refused))
  return times.map((at) => at - sentAt) as Delays
}

function withResolvers() {
  let resolve = () => {}
  const promise = new Promise<void>((_resolve) => {
    resolve = _resolve
  })
  return { promise, resolve }
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)]!
}

async function run(name: keyof typeof stores): Promise<boolean> {
  const { signOuts, limitMs, open } = stores[name]
  const dataDir = await mkdtemp(join(tmpdir(), 'sign-out-'))
  const { env, stop } = await open()
  const cluster = await startCluster({ ...env, DATA_DIR: dataDir, DEMO_PASSWORD: password })
  const nodes = [createClient(cluster.a), createClient(cluster.b), createClient(cluster.c)] as [Client, Client, Client]
  const slowest: number[] = []
  try {
    // Sign in beforehand: hashing passwords takes long and is not measured.
    const sessions: Tokens[] = []
    while (sessions.length < signOuts) sessions.push(...(await Promise.all(nodes.map(login))))
    for (const tokens of sessions.slice(0, signOuts)) slowest.push(Math.max(...(await measure(nodes, tokens))))
  } finally {
    for (const node of nodes) node.close()
    await cluster.stop()
    await stop()
    await rm(dataDir, { recursive: true, force: true })
  }
  slowest.sort((one, another) => one - another)
  const [p50, p99, max] = [percentile(slowest, 0.5), percentile(slowest, 0.99), slowest.at(-1)!]
  const isMet = p99 <= limitMs
  const figures = [
    ['p50', p50],
    ['p99', p99],
    ['max', max]
  ]
    .map(([label, ms]) => `${label} ${Number(ms).toFixed(1).padStart(7)} ms`)
    .join('  ')
  console.log(
    `${name.padEnd(8)}  ${String(signOuts).padStart(5)} sign-outs  ${figures}  ` +
      `limit of p99 ${limitMs} ms: ${isMet ? 'met' : 'MISSED'}  load ${loadavg()[0]!.toFixed(1)}`
  )
  return isMet
}

console.log('From the request to sign out on node A to the refusal of its access token on both B and C')
const selected = process.argv.slice(2)
for (const name of Object.keys(stores) as (keyof typeof stores)[]) {
  if (selected.length > 0 && !selected.includes(name)) continue
  if (!(await run(name))) process.exitCode = 1
}
