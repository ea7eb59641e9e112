import session from '@fastify/secure-session'
import fastify from 'fastify'
import { input } from '../input.js'
import { listen } from './listen.js'
import { signIn } from './sign-in.js'

const app = fastify()
await app.register(session, { key: Buffer.from(input.secret).subarray(0, 32), cookie: { path: '/' } })
app.post('/login', async (request) => {
  request.session.set('sub', 'alice')
  return {}
})
app.get('/me', async (request, reply) => {
  const sub = request.session.get('sub')
  if (sub === undefined) return reply.code(401).send()
  return { sub }
})
await listen(app, await signIn(app, input.users))
