import cookie from '@fastify/cookie'
import session from '@fastify/session'
import fastify from 'fastify'
import { input } from '../input.js'
import { listen } from './listen.js'
import { signIn } from './sign-in.js'

const app = fastify()
await app.register(cookie)
await app.register(session, {
  secret: input.secret,
  cookie: { secure: false },
  saveUninitialized: false,
  rolling: false
})
app.post('/login', async (request) => {
  request.session.sub = 'alice'
  return {}
})
app.get('/me', async (request, reply) => {
  if (request.session.sub === undefined) return reply.code(401).send()
  return { sub: request.session.sub }
})
await listen(app, await signIn(app, input.users))
