import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Settings } from '../options/options.ts'
import type { Authenticator } from './authenticate.ts'
import { addContext, routesWithin } from './route-registry.ts'
import { checkRequirements, noRequirements, type Requirements, type Needs } from '../tokens/requirements.ts'
import { assertReached } from './reach.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call this route: `true` for any user, or what a user must have; `false` exempts it from `protect: 'all'`. */
    auth?: boolean | Needs
  }
}

interface RouteConfig {
  readonly auth?: unknown
}

export type NeedsOfRoute = (config: RouteConfig) => Requirements | null

/** What a route's `config` asks of its callers, `null` for nothing; checked once for each config object. */
export function createNeedsOfRoute(protect: Settings['protect']): NeedsOfRoute {
  const undeclared = protect === 'all' ? noRequirements : null
  const checked = new WeakMap<RouteConfig, Requirements | null>()

  return function needsOfRoute(config) {
    const known = checked.get(config)
    if (known !== undefined) return known
    // Present and undefined is a mistake, which checkNeeds() refuses: `{ auth: RULES.typo }` must not open a route.
    const needs = !('auth' in config)
      ? undeclared
      : config.auth === false
        ? null
        : checkRequirements(config.auth, 'config.auth')
    checked.set(config, needs)
    return needs
  }
}

/**
 * One hook for the whole context that reads the route's own config: it covers routes declared before and after, in
 * children, under prefixes, and the HEAD routes that Fastify adds. A hook injected route by route would miss some.
 */
export function protectRoutes(
  app: FastifyInstance,
  {
    authenticator: { authenticateCached: recognize, authenticate },
    needsOfRoute
  }: { authenticator: Authenticator; needsOfRoute: NeedsOfRoute }
): void {
  // With `done` for callers who are known at once, and a promise for Fastify to wait for in every other case: what is
  // thrown, be it `undefined`, is a refusal then.
  app.addHook('onRequest', function authenticateRoute(request, _reply, done): Promise<unknown> | undefined {
    // Children that existed before the plugin, or decorate requests themselves, have not inherited the first values.
    const slots = request as { user: unknown; auth: unknown }
    slots.user ??= null
    slots.auth ??= null
    const { config } = request.routeOptions
    const needs = needsOfRoute(config)
    // A not-found handler with `config.auth` stops the start, unless it was set before this file was loaded.
    const isExempt = request.is404 && !('auth' in config)
    if (needs !== null && !isExempt && !isKnown(request, needs)) return authenticate(request, needs)
    done()
    return undefined
  })

  function isKnown(request: FastifyRequest, needs: Requirements): boolean {
    try {
      return recognize(request, needs) !== null
    } catch {
      return false
    }
  }

  // A wrong declaration fails where it stands, as far as it comes after the plugin; the others fail `ready()`.
  app.addHook('onRoute', ({ url, config }) => check(url, config ?? {}))
  addContext(app)
  app.addHook('onReady', async function checkDeclarations() {
    for (const { options } of routesWithin(app)) if ('url' in options) check(options.url, options.config ?? {})
    assertReached(app)
  })

  function check(url: string, config: RouteConfig): void {
    try {
      needsOfRoute(config)
    } catch (error) {
      throw new TypeError(`Wrong "config.auth" of the route ${url}: ${(error as Error).message}`)
    }
  }
}
