import fastify from 'fastify'
import authenticate from '../../dist/index.js'
import { given } from '../given.js'

/**
 * A real request and its reply, caught in a handler of an application with the plugin, to call what decorates them;
 * `present()` puts another `Authorization` into the request.
 */
export async function capture(options = {}) {
  const { issuer, audience, secret, key } = given
  const app = fastify()
  await app.register(authenticate, { issuer, audience, secret, keys: [key], ...options })
  const caught = {}
  app.get('/', async (request, reply) => {
    Object.assign(caught, { request, reply })
    return {}
  })
  await app.inject({ url: '/', headers: { authorization: '' } })
  const { request, reply } = caught
  const { headers, rawHeaders } = request.raw
  const place = rawHeaders.findIndex((name) => name.toLowerCase() === 'authorization') + 1

  function present(header) {
    headers.authorization = header
    rawHeaders[place] = header
  }

  return { app, request, reply, present }
}
