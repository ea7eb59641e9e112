// `preserve`: TypeScript drops a reference that only types need from the emitted declarations.
/// <reference types="@fastify/cookie" preserve="true" />
import fastify, { type FastifyInstance } from 'fastify'
import cookie from '@fastify/cookie'

export type CookieSerializer = FastifyInstance['serializeCookie']
export type CookieAttributes = NonNullable<Parameters<CookieSerializer>[2]>

/**
 * Registers `@fastify/cookie` on a separate Fastify instance that never listens. Its `serialize` works only after a
 * registration, and the defaults of the application's own registration must not apply to our cookies.
 */
export async function createCookieSerializer(): Promise<CookieSerializer> {
  const instance = fastify()
  await instance.register(cookie)
  await instance.ready()
  return instance.serializeCookie
}
