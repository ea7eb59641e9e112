import { algorithms } from './algorithms.ts'
import { comparePairs, type NamedComparison, type Pair } from './comparison.ts'
import type { Effort } from './effort.ts'
import { names } from './names.ts'
import { byCookie, byHeader, serialize } from './request.ts'
import { startServer, type Server } from './server.ts'
import { audience, forgeToken, issuer, keyOf, randomText, secret, signExpired, signMany } from './tokens.ts'

/** Signed-in users, each with a token or a cookie that is sent repeatedly. */
const users = 100
const input = { issuer, audience, secret, users }
const sources = { header: byHeader, cookie: byCookie }

/** The other libraries, with the same route. */
const peers = {
  '@fastify/jwt, with cache': { file: 'fastify-jwt.js', cache: true },
  '@fastify/jwt': { file: 'fastify-jwt.js', cache: false },
  'express-jwt': { file: 'express-jwt.js' },
  'passport-jwt': { file: 'passport-jwt.js' },
  'koa-jwt': { file: 'koa-jwt.js' },
  'hono/jwt': { file: 'hono-jwt.js' },
  'better-auth, cookie cache': { file: 'better-auth.js' },
  '@fastify/session': { file: 'fastify-session.js' },
  '@fastify/secure-session': { file: 'secure-session.js' }
}

export interface ProtectedRoute {
  /** The plugin and other libraries against the bare route. */
  readonly plugin: NamedComparison[]
  readonly peers: NamedComparison[]
  /** The plugin against `@fastify/jwt`. */
  readonly direct: NamedComparison[]
  /** Against a bare route that throws 401. */
  readonly refused: NamedComparison[]
  /** The plugin with revocations against the plugin with none. */
  readonly revocations: NamedComparison[]
}

/**
 * Measures the processor time of a request to a protected route. All servers run at the same time, each in its own
 * process. The bare route receives the same bytes as what is compared with it.
 */
export async function measureProtectedRoute(effort: Effort): Promise<ProtectedRoute> {
  const servers: Server[] = []
  const open = async (file: string, more: object = {}) => {
    const server = await startServer(file, { ...input, ...more })
    servers.push(server)
    return server
  }
  try {
    return await compareServers(effort, open)
  } finally {
    for (const server of servers) await server.stop()
  }
}

async function compareServers(
  effort: Effort,
  open: (file: string, more?: object) => Promise<Server>
): Promise<ProtectedRoute> {
  const bare = await open('bare.js')
  await bare.workload([serialize('/me', {})], effort)
  await bare.workload([serialize('/refused', {})], effort)
  const warmedUp = { ...effort, warmUp: { operations: 2000, cpuMs: 100 } }
  const againstBare = async (
    name: string,
    { server, requests }: { server: Server; requests: readonly Buffer[] }
  ): Promise<Pair> => ({
    name,
    subject: await server.workload(requests, effort),
    reference: await bare.workload(requests, warmedUp)
  })
  const groups = {
    plugin: [] as Pair[],
    peers: [] as Pair[],
    direct: [] as Pair[],
    refused: [] as Pair[],
    revocations: [] as Pair[]
  }

  for (const alg of algorithms) {
    const warm = await open('plugin.js', { key: keyOf(alg) })
    const cold = await open('plugin.js', { key: keyOf(alg), cacheSize: effort.coldCacheSize })
    const seen = signMany(alg, users)
    for (const source of ['header', 'cookie'] as const) {
      // There are more tokens than the cache holds, so each has left it when its turn comes again.
      const unseen = signMany(alg, Math.ceil(effort.coldCacheSize * 1.2))
      groups.plugin.push(
        await againstBare(names.routeSeen(alg, source), { server: warm, requests: requestsOf(seen, { source }) })
      )
      groups.plugin.push(
        await againstBare(names.routeUnseen(alg, source), { server: cold, requests: requestsOf(unseen, { source }) })
      )
    }
  }

  const plugin = await open('plugin.js', { key: keyOf('HS256') })
  const tokens = signMany('HS256', users)
  const unseen = requestsOf(signMany('HS256', Math.ceil(effort.coldCacheSize * 1.2)))
  const cold = await (
    await open('plugin.js', { key: keyOf('HS256'), cacheSize: effort.coldCacheSize })
  ).workload(unseen, effort)
  for (const [name, { file, ...more }] of Object.entries(peers)) {
    const peer = await open(file, more)
    const requests =
      peer.cookies.length > 0 ? peer.cookies.map((cookie) => serialize('/me', { cookie })) : requestsOf(tokens)
    groups.peers.push(await againstBare(name, { server: peer, requests }))
    if (file !== 'fastify-jwt.js') continue
    for (const source of ['header', 'cookie'] as const) {
      groups.direct.push({
        name: names.routeAgainst(name, source),
        subject: await plugin.workload(requestsOf(tokens, { source }), effort),
        reference: await peer.workload(requests, warmedUp)
      })
    }
    groups.direct.push({
      name: names.routeUnseenAgainst(name),
      subject: cold,
      reference: await peer.workload(unseen, warmedUp)
    })
  }

  const plainPlugin = await open('plugin.js', { key: keyOf('HS256') })
  for (const [name, token] of Object.entries({
    garbage: randomText,
    'bad signature': forgeToken,
    expired: signExpired
  })) {
    const refused = Array.from({ length: users }, token)
    groups.refused.push({
      name,
      subject: await plainPlugin.workload(requestsOf(refused), effort),
      reference: await bare.workload(requestsOf(refused, { path: '/refused' }), warmedUp)
    })
  }

  const withRevocations = async (revocations: number) =>
    await (await open('plugin.js', { key: keyOf('HS256'), revocations })).workload(requestsOf(tokens), effort)
  const none = await withRevocations(0)
  for (const count of effort.revocations) {
    groups.revocations.push({
      name: `${count.toLocaleString('en')} revocations`,
      subject: await withRevocations(count),
      reference: none
    })
  }

  const compared = await comparePairs(Object.values(groups).flat(), effort)
  const take = (pairs: readonly Pair[]) => compared.splice(0, pairs.length)
  return {
    plugin: take(groups.plugin),
    peers: take(groups.peers),
    direct: take(groups.direct),
    refused: take(groups.refused),
    revocations: take(groups.revocations)
  }
}

function requestsOf(
  tokens: readonly string[],
  { source = 'header', path = '/me' }: { source?: keyof typeof sources; path?: string } = {}
): Buffer[] {
  return tokens.map((token) => serialize(path, sources[source](token)))
}
