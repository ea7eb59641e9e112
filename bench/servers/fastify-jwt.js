import jwt from '@fastify/jwt'
import fastify from 'fastify'
import { input } from '../input.js'
import { listen } from './listen.js'

const { issuer, audience, secret, cache } = input
const app = fastify()
await app.register(jwt, {
  secret,
  verify: { algorithms: ['HS256'], allowedIss: issuer, allowedAud: audience, requiredClaims: ['exp'], cache }
})
app.get('/me', { onRequest: (request) => request.jwtVerify() }, async (request) => ({ sub: request.user.sub }))
await listen(app)
