import { betterAuth } from 'better-auth'
import { memoryAdapter } from 'better-auth/adapters/memory'
import { fromNodeHeaders } from 'better-auth/node'
import fastify from 'fastify'
import { input } from '../input.js'
import { listen } from './listen.js'

const { issuer, secret, users } = input
const auth = betterAuth({
  baseURL: issuer,
  secret,
  telemetry: { enabled: false },
  database: memoryAdapter({ user: [], session: [], account: [], verification: [] }),
  session: { cookieCache: { enabled: true, maxAge: 3600 } },
  emailAndPassword: {
    enabled: true,
    // Sign-in is not measured.
    password: { hash: async () => 'hash', verify: async () => true }
  }
})

async function signIn(number) {
  const body = { email: `alice${number}@example.com`, password: 'correct horse', name: 'alice' }
  const { headers } = await auth.api.signUpEmail({ body, returnHeaders: true })
  return headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0])
    .join('; ')
}

const app = fastify()
app.get('/me', async (request, reply) => {
  const session = await auth.api.getSession({ headers: fromNodeHeaders(request.headers) })
  if (session === null) return reply.code(401).send()
  return { sub: session.user.name }
})
const cookies = []
while (cookies.length < users) cookies.push(await signIn(cookies.length))
await listen(app, cookies)
