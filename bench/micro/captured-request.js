import fastify from 'fastify'
import authenticate from '../../dist/index.js'
import { input } from '../input.js'

/**
 * Captures a real request and its reply in an application with a plugin, to call their decorators directly.
 * `setAuthorization()` replaces the request's `Authorization` header.
 */
export async function captureFrom(plugin, options) {
  const app = fastify()
  await app.register(plugin, options)
  const captured = {}
  app.get('/', async (request, reply) => {
    Object.assign(captured, { request, reply })
    return {}
  })
  await app.inject({ url: '/', headers: { authorization: '' } })
  const { request, reply } = captured
  const { headers, rawHeaders } = request.raw
  const index = rawHeaders.findIndex((name) => name.toLowerCase() === 'authorization') + 1

  function setAuthorization(header) {
    headers.authorization = header
    rawHeaders[index] = header
  }

  return { app, request, reply, setAuthorization }
}

/** The same with this plugin. */
export async function captureRequest(options = {}) {
  const { issuer, audience, secret, key } = input
  return await captureFrom(authenticate, { issuer, audience, secret, keys: [key], ...options })
}
