import cookie from '@fastify/cookie'
import session from '@fastify/session'
import fastify from 'fastify'
import { input } from '../input.js'
import { listen } from './listen.js'
import { serveSession, signIn } from './sign-in.js'

const app = fastify()
await app.register(cookie)
await app.register(session, {
  secret: input.secret,
  cookie: { secure: false },
  saveUninitialized: false,
  rolling: false
})
serveSession(app)
await listen(app, await signIn(app, input.users))
