import { subscribe } from 'node:diagnostics_channel'
import type { FastifyInstance } from 'fastify'

/** A route that says who may call it. */
export interface Declaration {
  readonly url: string
  readonly config: { readonly auth?: unknown }
  /** The instance it was declared on: the plugin's own, a child's, or one out of its reach. */
  readonly instance: FastifyInstance
}

const declared = new WeakMap<object, Declaration[]>()

/**
 * The plugin's hooks protect routes that were declared before the plugin ran (registered without `await`, say), but no
 * hook of Fastify shows them: a mistake in their `config.auth` would come to light with the first request. Fastify
 * announces every new instance on this documented channel, so that all declarations can be checked at the start.
 */
subscribe('fastify.initialization', (message) => {
  const root = (message as { fastify: FastifyInstance }).fastify
  const list: Declaration[] = []
  declared.set(root.server, list)
  root.addHook('onRoute', function remember (this: FastifyInstance, { url, config }) {
    if (config !== undefined && 'auth' in config) list.push({ url, config, instance: this })
  })
})

/** The declarations on this instance and its descendants. */
export function declarationsWithin (app: FastifyInstance): Declaration[] {
  return (declared.get(app.server) ?? []).filter(({ instance }) => instance === app || Object.prototype.isPrototypeOf.call(app, instance))
}
