import { subscribe } from 'node:diagnostics_channel'
import type { FastifyInstance, RouteOptions } from 'fastify'

/** A route or a not-found handler of an application. */
export interface RegisteredRoute {
  readonly kind: 'route' | 'not-found handler'
  /** The object itself, because Fastify reads it after all hooks, which may change it. */
  readonly options: RouteOptions | { readonly config?: { readonly auth?: unknown } }
  /** The instance on which it was declared: the plugin's, a child's, or one outside the plugin's context. */
  readonly instance: FastifyInstance
}

interface Application {
  /** By their options, so that a route that is announced twice counts once. */
  readonly routes: Map<object, RegisteredRoute>
  /** The contexts in which the plugin is registered. */
  readonly contexts: FastifyInstance[]
}

const applications = new WeakMap<FastifyInstance, Application>()

/**
 * The plugin's hooks also protect routes that were declared before the plugin ran (registered without `await`, for
 * example), but no hook of Fastify reports them. Fastify announces every new instance on this documented channel, which
 * lets the start check all declarations.
 */
subscribe('fastify.initialization', (message) => {
  applicationOf((message as { fastify: FastifyInstance }).fastify)
})

/** The registry of an application. Routes that were declared before this file was loaded may be missing. */
function applicationOf(instance: FastifyInstance): Application {
  const root = rootOf(instance)
  let application = applications.get(root)
  if (application === undefined) {
    applications.set(root, (application = { routes: new Map(), contexts: [] }))
    watch(root, application)
  }
  return application
}

/** In Fastify, the parent of a context is its prototype. */
export function rootOf(instance: FastifyInstance): FastifyInstance {
  const parent = Object.getPrototypeOf(instance) as FastifyInstance
  return typeof parent.addHook === 'function' ? rootOf(parent) : instance
}

function watch(root: FastifyInstance, { routes }: Application): void {
  watchRoutes(root, routes)
  // Fastify has no hook for not-found handlers.
  const setNotFoundHandler = root.setNotFoundHandler as (...input: unknown[]) => FastifyInstance
  root.setNotFoundHandler = function rememberNotFoundHandler(this: FastifyInstance, ...input: unknown[]) {
    const [options] = input
    if (typeof options === 'object' && options !== null) {
      routes.set(options, { kind: 'not-found handler', options, instance: this })
    }
    return setNotFoundHandler.apply(this, input)
  } as FastifyInstance['setNotFoundHandler']
}

function watchRoutes(app: FastifyInstance, routes: Application['routes']): void {
  app.addHook('onRoute', function rememberRoute(this: FastifyInstance, options) {
    routes.set(options, { kind: 'route', options, instance: this })
  })
}

/** Records that the plugin is registered in this context, and watches its routes even if the root is not watched. */
export function addContext(app: FastifyInstance): void {
  const { contexts, routes } = applicationOf(app)
  contexts.push(app)
  watchRoutes(app, routes)
}

/** The routes and handlers of this instance and its descendants. */
export function routesWithin(app: FastifyInstance): RegisteredRoute[] {
  return allRoutes(app).filter(({ instance }) => isWithin(app, instance))
}

/** The routes and handlers of the same application that no registration of the plugin reaches. */
export function routesOutside(app: FastifyInstance): RegisteredRoute[] {
  const { contexts } = applicationOf(app)
  return allRoutes(app).filter(({ instance }) => !contexts.some((context) => isWithin(context, instance)))
}

function allRoutes(app: FastifyInstance): RegisteredRoute[] {
  return [...applicationOf(app).routes.values()]
}

function isWithin(app: FastifyInstance, instance: FastifyInstance): boolean {
  return instance === app || Object.prototype.isPrototypeOf.call(app, instance)
}
