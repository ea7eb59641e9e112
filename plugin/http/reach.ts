import type { FastifyInstance } from 'fastify'
import { routesOutside, routesWithin, type RegisteredRoute } from './route-registry.ts'

/**
 * Stops the start if there is a `config.auth` that would protect nothing.
 * @throws TypeError that says how to protect the route or the handler
 */
export function assertReached(app: FastifyInstance): void {
  const notFoundHandlers = routesWithin(app).filter(({ kind }) => kind === 'not-found handler')
  const unprotected = [...notFoundHandlers, ...routesOutside(app)].find(declaresAuth)
  if (unprotected !== undefined) throw new TypeError(remedy(unprotected))
}

/** `auth: undefined` counts, because it is an error: only `false` opens a route deliberately. */
function declaresAuth({ options: { config } }: RegisteredRoute): boolean {
  return config !== undefined && 'auth' in config && config.auth !== false
}

function remedy({ kind, options, instance }: RegisteredRoute): string {
  if (kind === 'not-found handler') {
    return (
      `The not-found handler of ${instance.prefix || '/'} has "config.auth", which protects routes only. ` +
      'Give it the hook: app.setNotFoundHandler({ preHandler: [app.authenticate] }, handler)'
    )
  }
  const url = 'url' in options ? options.url : ''
  return (
    `The route ${url} has "config.auth", but it is outside the context in which fastify-authenticate is registered. ` +
    'Register the plugin on the instance that declares the route, or on a parent of it. If another plugin registers ' +
    'it, wrap that plugin in fastify-plugin'
  )
}
