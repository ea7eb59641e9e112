import fastify from 'fastify'
import authenticate from '../../dist/index.js'
import { given } from '../given.js'

/** A real request and its reply, caught in a handler of an application with the plugin, to call what decorates them. */
export async function capture (options = {}) {
  const { issuer, audience, secret, key } = given
  const app = fastify()
  await app.register(authenticate, { issuer, audience, secret, keys: [key], ...options })
  const caught = {}
  app.get('/', async (request, reply) => {
    Object.assign(caught, { request, reply })
    return {}
  })
  await app.inject({ url: '/', headers: { authorization: '' } })
  return { app, ...caught }
}
