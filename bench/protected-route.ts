import { comparePairs, type NamedComparison, type Pair } from './comparison.ts'
import type { Effort } from './effort.ts'
import { names } from './names.ts'
import { serialize } from './request.ts'
import { createStage, requestsOf, unseenTokens, users, type Stage } from './route-stage.ts'
import { forgeToken, keyOf, randomText, signExpired, signMany } from './tokens.ts'

export interface ProtectedRoute {
  /** Against the bare route: the least that a hook costs. */
  readonly floors: NamedComparison[]
  readonly plugin: NamedComparison[]
  readonly peers: NamedComparison[]
  /** A token seen before, against the least hook with the same tokens. */
  readonly seen: NamedComparison[]
  /** A token seen before, against `@fastify/jwt` with and without its cache. */
  readonly direct: NamedComparison[]
  /** A token not seen before, against `@fastify/jwt` without its cache, with the same key and the same tokens. */
  readonly unseen: NamedComparison[]
  /** Against `@fastify/jwt` that refuses the same request. */
  readonly refused: NamedComparison[]
  /** Against a bare route that throws a 401. */
  readonly refusedBare: NamedComparison[]
  /** The plugin with revocations, against the plugin with none. */
  readonly revocations: NamedComparison[]
}

/** Each makes the pairs of one group of rows. */
const groups: Record<keyof ProtectedRoute, (stage: Stage, effort: Effort) => Promise<Pair[]>> = {
  floors: floorPairs,
  plugin: pluginPairs,
  peers: peerPairs,
  seen: seenPairs,
  direct: directPairs,
  unseen: unseenPairs,
  refused: refusedPairs,
  refusedBare: refusedBarePairs,
  revocations: revocationPairs
}

/**
 * Measures the processor time of a request to a protected route. What is compared receives the same bytes.
 * @param only the groups to measure; all if empty
 */
export async function measureProtectedRoute(effort: Effort, only: readonly string[] = []): Promise<ProtectedRoute> {
  const stage = createStage(effort)
  try {
    const made: [string, Pair[]][] = []
    for (const [name, pairsOf] of Object.entries(groups)) {
      if (only.length === 0 || only.includes(name)) made.push([name, await pairsOf(stage, effort)])
    }
    const compared = await comparePairs(
      made.flatMap(([, pairs]) => pairs),
      effort
    )
    return Object.fromEntries(
      made.map(([name, { length }]) => [name, compared.splice(0, length)])
    ) as unknown as ProtectedRoute
  } finally {
    await stage.stop()
  }
}

async function floorPairs({ open, againstBare }: Stage): Promise<Pair[]> {
  const tokens = signMany('HS256', users)
  const noHook = { server: await open('no-op-hook.js'), requests: requestsOf(tokens) }
  const server = await open('least-hook.js')
  return [
    await againstBare(names.noOpHook, noHook),
    await againstBare(names.leastHook('header'), { server, requests: requestsOf(tokens) }),
    await againstBare(names.leastHook('cookie'), { server, requests: requestsOf(tokens, { source: 'cookie' }) })
  ]
}

async function pluginPairs({ open, openCold, againstBare }: Stage, { algorithms }: Effort): Promise<Pair[]> {
  const tokens = signMany('HS256', users)
  const server = await open('plugin.js')
  const pairs: Pair[] = []
  for (const source of ['header', 'cookie'] as const) {
    pairs.push(await againstBare(names.seen('HS256', source), { server, requests: requestsOf(tokens, { source }) }))
  }
  for (const alg of algorithms) pairs.push(await againstBare(names.unseen(alg), await openCold(alg)))
  return pairs
}

/** The other libraries, with the same route. */
const peers = {
  [names.peer.cached]: { file: 'fastify-jwt.js', cache: true },
  [names.peer.uncached]: { file: 'fastify-jwt.js' },
  'express-jwt': { file: 'express-jwt.js' },
  'passport-jwt': { file: 'passport-jwt.js' },
  'koa-jwt': { file: 'koa-jwt.js' },
  'hono/jwt': { file: 'hono-jwt.js' },
  'better-auth, cookie cache': { file: 'better-auth.js' },
  '@fastify/session': { file: 'fastify-session.js' },
  '@fastify/secure-session': { file: 'secure-session.js' }
}

async function peerPairs({ open, againstBare }: Stage): Promise<Pair[]> {
  const tokens = requestsOf(signMany('HS256', users))
  // They start at the same time, which saves time.
  await Promise.all(Object.values(peers).map(async ({ file, ...more }) => await open(file, more)))
  const pairs: Pair[] = []
  for (const [name, { file, ...more }] of Object.entries(peers)) {
    const server = await open(file, more)
    const cookies = server.cookies.map((cookie) => serialize('/me', { cookie }))
    pairs.push(await againstBare(name, { server, requests: cookies.length > 0 ? cookies : tokens }))
  }
  return pairs
}

/** Other numbers of tokens that are sent by turns, with one algorithm. */
const oneToken = 1
const manyTokens = 10_000

async function seenPairs({ open, pair }: Stage, { algorithms }: Effort): Promise<Pair[]> {
  const cases = [
    ...algorithms.map((alg) => ({ alg, tokens: users })),
    { alg: 'HS256' as const, tokens: oneToken },
    { alg: 'HS256' as const, tokens: manyTokens }
  ]
  const pairs: Pair[] = []
  for (const { alg, tokens: count } of cases) {
    // With its default, the cache keeps as many as there are; it may drop one when another comes.
    const plugin = await open('plugin.js', { key: keyOf(alg), ...(count === manyTokens && { cacheSize: 2 * count }) })
    const least = await open('least-hook.js', { alg, count })
    const tokens = signMany(alg, count)
    for (const source of ['header', 'cookie'] as const) {
      const requests = requestsOf(tokens, { source })
      const rows = { subject: { server: plugin, requests }, reference: { server: least, requests } }
      pairs.push(await pair(names.seenTokens(alg, { source, tokens: count }), rows))
    }
  }
  return pairs
}

async function directPairs({ open, pair }: Stage): Promise<Pair[]> {
  const requests = requestsOf(signMany('HS256', users))
  const subject = { server: await open('plugin.js'), requests }
  return [
    await pair(names.against(names.peer.cached), {
      subject,
      reference: { server: await open('fastify-jwt.js', { cache: true }), requests }
    }),
    await pair(names.against(names.peer.uncached), {
      subject,
      reference: { server: await open('fastify-jwt.js'), requests }
    })
  ]
}

async function unseenPairs({ open, openCold, pair }: Stage, effort: Effort): Promise<Pair[]> {
  const pairs: Pair[] = []
  for (const alg of effort.algorithms) {
    const requests = requestsOf(unseenTokens(alg, effort))
    const reference = { server: await open('fastify-jwt.js', { key: keyOf(alg) }), requests }
    pairs.push(await pair(names.unseen(alg), { subject: await openCold(alg), reference }))
  }
  return pairs
}

const refusedTokens = { garbage: randomText, 'bad signature': forgeToken, expired: signExpired }

async function refusedPairs({ open, pair }: Stage): Promise<Pair[]> {
  const pairs: Pair[] = []
  for (const [name, token] of Object.entries(refusedTokens)) {
    const requests = requestsOf(Array.from({ length: users }, token))
    // A server of its own: refusals do not share optimized code with successes.
    const subject = { server: await open('plugin.js', { refusing: true }), requests }
    const reference = { server: await open('fastify-jwt.js', { refusing: true }), requests }
    pairs.push(await pair(name, { subject, reference }))
  }
  return pairs
}

async function refusedBarePairs({ open, pair }: Stage): Promise<Pair[]> {
  const pairs: Pair[] = []
  for (const [name, token] of Object.entries(refusedTokens)) {
    const tokens = Array.from({ length: users }, token)
    const subject = { server: await open('plugin.js', { refusing: true }), requests: requestsOf(tokens) }
    const reference = { server: await open('bare.js'), requests: requestsOf(tokens, { path: '/refused' }) }
    pairs.push(await pair(name, { subject, reference }))
  }
  return pairs
}

async function revocationPairs({ open, pair }: Stage, { revocations }: Effort): Promise<Pair[]> {
  if (revocations === 0) return []
  const requests = requestsOf(signMany('HS256', users))
  const subject = { server: await open('plugin.js', { revocations }), requests }
  const reference = { server: await open('plugin.js', { revocations: 0 }), requests }
  return [await pair(`${revocations.toLocaleString('en')} revocations`, { subject, reference })]
}
