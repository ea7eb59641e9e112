import { algorithms } from './algorithms.ts'
import { comparePairs, type Compared, type Pair } from './contestant.ts'
import type { Effort } from './effort.ts'
import { names } from './names.ts'
import { byCookie, byHeader, serialize } from './request.ts'
import { startServer, type Server } from './server.ts'
import { audience, forge, garbage, issuer, keyOf, mintExpired, mintMany, secret } from './tokens.ts'

/** Users who are signed in, each with a token or a cookie that is sent again and again. */
const users = 100
const given = { issuer, audience, secret, users }
const sources = { header: byHeader, cookie: byCookie }

/** The other libraries, over the same route; `null` where the server makes its own cookies. */
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
  /** Against the bare route. */
  readonly plugin: Compared[]
  readonly peers: Compared[]
  /** The plugin against `@fastify/jwt`. */
  readonly direct: Compared[]
  /** Against a bare route that throws 401. */
  readonly refused: Compared[]
  /** The plugin with revocations against the plugin with none. */
  readonly revocations: Compared[]
}

/**
 * Processor time of a request to a protected route. All servers are up at once, each a process of its own; whatever is
 * compared with the bare route, that one is sent the same bytes.
 */
export async function measureProtectedRoute(effort: Effort): Promise<ProtectedRoute> {
  const servers: Server[] = []
  const open = async (file: string, more: object = {}) => {
    const server = await startServer(file, { ...given, ...more })
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
  await bare.contestant([serialize('/me', {})], effort)
  await bare.contestant([serialize('/refused', {})], effort)
  const warmedUp = { ...effort, warmUp: { operations: 2000, cpuMs: 100 } }
  const againstBare = async (name: string, server: Server, requests: readonly Buffer[]): Promise<Pair> => ({
    name,
    subject: await server.contestant(requests, effort),
    reference: await bare.contestant(requests, warmedUp)
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
    const seen = mintMany(alg, users)
    for (const source of ['header', 'cookie'] as const) {
      // More than are remembered, so that each has been forgotten when its turn comes again; others for each source.
      const unseen = mintMany(alg, Math.ceil(effort.coldCacheSize * 1.2))
      groups.plugin.push(await againstBare(names.routeSeen(alg, source), warm, requestsOf(seen, source)))
      groups.plugin.push(await againstBare(names.routeUnseen(alg, source), cold, requestsOf(unseen, source)))
    }
  }

  const plugin = await open('plugin.js', { key: keyOf('HS256') })
  const tokens = mintMany('HS256', users)
  const unseen = requestsOf(mintMany('HS256', Math.ceil(effort.coldCacheSize * 1.2)), 'header')
  const cold = await (
    await open('plugin.js', { key: keyOf('HS256'), cacheSize: effort.coldCacheSize })
  ).contestant(unseen, effort)
  for (const [name, { file, ...more }] of Object.entries(peers)) {
    const peer = await open(file, more)
    const requests =
      peer.cookies.length > 0
        ? peer.cookies.map((cookie) => serialize('/me', { cookie }))
        : requestsOf(tokens, 'header')
    groups.peers.push(await againstBare(name, peer, requests))
    if (file !== 'fastify-jwt.js') continue
    for (const source of ['header', 'cookie'] as const) {
      groups.direct.push({
        name: names.routeAgainst(name, source),
        subject: await plugin.contestant(requestsOf(tokens, source), effort),
        reference: await peer.contestant(requests, warmedUp)
      })
    }
    groups.direct.push({
      name: names.routeUnseenAgainst(name),
      subject: cold,
      reference: await peer.contestant(unseen, warmedUp)
    })
  }

  const refusing = await open('plugin.js', { key: keyOf('HS256') })
  for (const [name, token] of Object.entries({ garbage, 'bad signature': forge, expired: mintExpired })) {
    const refused = Array.from({ length: users }, token)
    groups.refused.push({
      name,
      subject: await refusing.contestant(requestsOf(refused, 'header'), effort),
      reference: await bare.contestant(requestsOf(refused, 'header', '/refused'), warmedUp)
    })
  }

  const withRevocations = async (revocations: number) =>
    await (
      await open('plugin.js', { key: keyOf('HS256'), revocations })
    ).contestant(requestsOf(tokens, 'header'), effort)
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

function requestsOf(tokens: readonly string[], source: keyof typeof sources, path = '/me'): Buffer[] {
  return tokens.map((token) => serialize(path, sources[source](token)))
}
