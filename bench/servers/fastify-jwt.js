import jwt from '@fastify/jwt'
import fastify from 'fastify'
import { input } from '../input.js'
import { listen } from './listen.js'
import { jwtOptions } from './jwt-options.js'

const app = fastify()
await app.register(jwt, jwtOptions(input))
app.get('/me', { onRequest: (request) => request.jwtVerify() }, async (request) => ({ sub: request.user.sub }))
await listen(app)
