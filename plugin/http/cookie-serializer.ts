// `preserve`, for the import of what runs is lost in the emitted declarations.
/// <reference types="@fastify/cookie" preserve="true" />
import fastify, { type FastifyInstance } from 'fastify'
import cookie from '@fastify/cookie'

export type CookieSerializer = FastifyInstance['serializeCookie']
export type CookieAttributes = NonNullable<Parameters<CookieSerializer>[2]>

/**
 * `@fastify/cookie` on a Fastify instance of its own, which never listens: its `serialize` works only after some
 * registration, and the application's own registration, with its own defaults, must not leak into our cookies.
 */
export async function createCookieSerializer(): Promise<CookieSerializer> {
  const instance = fastify()
  await instance.register(cookie)
  await instance.ready()
  return instance.serializeCookie
}
