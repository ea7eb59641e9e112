// `preserve`: TypeScript drops a reference that only types need from the emitted declarations.
/// <reference types="@fastify/cookie" preserve="true" />
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'

export type CookieSerializer = FastifyInstance['serializeCookie']
export type CookieAttributes = NonNullable<Parameters<CookieSerializer>[2]>

/** Ignores what is called on it. A Fastify instance would take a tenth of the time that the plugin takes to start. */
const nowhere = new Proxy({}, { get: () => () => {} }) as FastifyInstance

/**
 * The `serialize` of `@fastify/cookie`, which works only after a registration. It is registered nowhere, because it
 * would clash with a registration by the application.
 */
export async function loadCookieSerializer(): Promise<CookieSerializer> {
  const { fastifyCookie: cookie } = await import('@fastify/cookie')
  await (cookie as FastifyPluginAsync)(nowhere, {})
  return cookie.serialize
}
