import { subscribe } from 'node:diagnostics_channel'
import type { FastifyInstance, RouteOptions } from 'fastify'

/** A route, or a not-found handler, of an application. */
export interface RegisteredRoute {
  readonly kind: 'route' | 'not-found handler'
  /** Fastify reads the options after all hooks have seen them, so they are read as late as possible here too. */
  readonly options: RouteOptions | { readonly config?: { readonly auth?: unknown } }
  /** The instance it was declared on: the plugin's own, a child's, or one out of its reach. */
  readonly instance: FastifyInstance
}

interface Application {
  /** By their options: a route that is announced twice counts once. */
  readonly routes: Map<object, RegisteredRoute>
  /** The contexts in which the plugin is registered. */
  readonly contexts: FastifyInstance[]
}

const applications = new WeakMap<FastifyInstance, Application>()

/**
 * The plugin's hooks protect routes that were declared before the plugin ran (registered without `await`, say), but no
 * hook of Fastify shows them. Fastify announces every new instance on this documented channel, so that all declarations
 * can be checked at the start.
 */
subscribe('fastify.initialization', (message) => {
  applicationOf((message as { fastify: FastifyInstance }).fastify)
})

/** What is known of an application; of one that existed before this file was loaded, what comes from now on. */
function applicationOf(instance: FastifyInstance): Application {
  const root = rootOf(instance)
  let application = applications.get(root)
  if (application === undefined) {
    applications.set(root, (application = { routes: new Map(), contexts: [] }))
    watch(root, application)
  }
  return application
}

/** Fastify makes every context an heir of its parent. */
function rootOf(instance: FastifyInstance): FastifyInstance {
  const parent = Object.getPrototypeOf(instance) as FastifyInstance
  return typeof parent.addHook === 'function' ? rootOf(parent) : instance
}

function watch(root: FastifyInstance, { routes }: Application): void {
  watchRoutes(root, routes)
  // No hook announces not-found handlers.
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
  app.addHook('onRoute', function remember(this: FastifyInstance, options) {
    routes.set(options, { kind: 'route', options, instance: this })
  })
}

/** Notes that the plugin is registered here, and sees what is declared here from now on in any case. */
export function addContext(app: FastifyInstance): void {
  const { contexts, routes } = applicationOf(app)
  contexts.push(app)
  watchRoutes(app, routes)
}

/** The declarations on this instance and its descendants. */
export function routesWithin(app: FastifyInstance): RegisteredRoute[] {
  return allRoutes(app).filter(({ instance }) => isWithin(app, instance))
}

/** The declarations of the same application that no registration of the plugin reaches. */
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
