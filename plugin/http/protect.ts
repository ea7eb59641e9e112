import type { FastifyInstance } from 'fastify'
import { AuthError } from '../errors.ts'
import type { Settings } from '../options/options.ts'
import {
  assertKnownIssuers,
  checkRequirements,
  noRequirements,
  type KnownIssuers,
  type Requirements,
  type Needs
} from '../tokens/requirements.ts'
import type { Authenticate } from './authenticate.ts'
import { assertReached } from './reach.ts'
import { addContext, routesWithin } from './route-registry.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * Who may call this route: `true` for any user of this application, or what a user must have. `false` exempts the
     * route from `protect: 'all'`. A route without it requires a user only under `protect: 'all'`.
     * ```ts
     * app.get('/notes', { config: { auth: { scopes: ['notes:read'] } } }, async ({ user }) => ({ of: user.sub }))
     * ```
     */
    auth?: boolean | Needs
  }
}

interface RouteConfig {
  readonly auth?: unknown
}

export type RequirementsOfRoute = (config: RouteConfig) => Requirements | null

/** Reads what a route's `config` requires of its callers; `null` for nothing. Each config object is checked once. */
export function createRequirementsOfRoute({
  protect,
  ...known
}: Pick<Settings, 'protect'> & KnownIssuers): RequirementsOfRoute {
  const undeclared = protect === 'all' ? noRequirements : null
  const checked = new WeakMap<RouteConfig, Requirements | null>()

  return function requirementsOfRoute(config) {
    const earlier = checked.get(config)
    if (earlier !== undefined) return earlier
    const requirements = 'auth' in config ? declared(config.auth, known) : undeclared
    checked.set(config, requirements)
    return requirements
  }
}

/** Present but `undefined` is an error: `{ auth: RULES.typo }` must not open a route. */
function declared(auth: unknown, known: KnownIssuers): Requirements | null {
  return auth === false ? null : assertKnownIssuers(checkRequirements(auth, { name: 'config.auth' }), known)
}

/**
 * Protects every route of the context with one hook that reads the route's own config. So it covers routes that were
 * declared before and after, in children, under prefixes, and the HEAD routes that Fastify adds.
 */
export function protectRoutes(
  app: FastifyInstance,
  { authenticate, requirementsOfRoute }: { authenticate: Authenticate; requirementsOfRoute: RequirementsOfRoute }
): void {
  // `done` serves callers who are authenticated without waiting; a promise would cost more than their check.
  app.addHook('onRequest', function authenticateRoute(request, _reply, done): Promise<unknown> | undefined {
    // Children that were created before the plugin, or that decorate requests themselves, lack these initial values.
    const slots = request as { user: unknown; auth: unknown }
    slots.user ??= null
    slots.auth ??= null
    const { config } = request.routeOptions
    const requirements = requirementsOfRoute(config)
    // A not-found handler with `config.auth` stops the start, unless it was set before this file was loaded.
    const isExempt = request.is404 && !('auth' in config)
    if (requirements !== null && !isExempt) {
      const outcome = authenticate(request, requirements)
      if (outcome instanceof AuthError) {
        done(outcome)
        return undefined
      }
      if (outcome !== null) return outcome
    }
    done()
    return undefined
  })

  // A wrong declaration after the plugin throws where it is written. The others make `ready()` reject.
  app.addHook('onRoute', ({ url, config }) => check(url, config ?? {}))
  addContext(app)
  app.addHook('onReady', async function checkDeclarations() {
    for (const { options } of routesWithin(app)) if ('url' in options) check(options.url, options.config ?? {})
    assertReached(app)
  })

  function check(url: string, config: RouteConfig): void {
    try {
      requirementsOfRoute(config)
    } catch (error) {
      throw new TypeError(`Wrong "config.auth" of the route ${url}: ${(error as Error).message}`)
    }
  }
}
