import { betterAuth } from 'better-auth'
import { memoryAdapter } from 'better-auth/adapters/memory'
import fastify from 'fastify'
import { input } from '../input.js'
import { emailAndPassword, noRows, serveSession, signUp } from './better-auth-users.js'
import { listen } from './listen.js'

const { issuer, secret, users } = input
const auth = betterAuth({
  baseURL: issuer,
  secret,
  telemetry: { enabled: false },
  database: memoryAdapter(noRows()),
  session: { cookieCache: { enabled: true, maxAge: 3600 } },
  emailAndPassword
})

const app = fastify()
serveSession(app, auth)
await listen(app, await signUp(auth, users))
