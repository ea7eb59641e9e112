import { Type } from '@sinclair/typebox'
import Fastify, { type FastifyInstance } from 'fastify'
import authenticate, { type AuthenticateOptions } from 'fastify-authenticate'

declare module 'fastify-authenticate' {
  interface AuthTypes {
    claims: { roles: string[]; tenant: string }
  }
}

const page = `<!doctype html>
<title>Notes</title>
<h1></h1>
<ul></ul>
<button>Add</button>
<script type="module">
  const response = await fetch('/me')
  document.querySelector('h1').textContent = response.ok ? (await response.json()).sub : 'Sign in'
  document.querySelector('button').onclick = async () => {
    const { status } = await fetch('/notes', { method: 'POST' })
    document.querySelector('ul').append(Object.assign(document.createElement('li'), { textContent: status }))
  }
</script>`

/** Notes, which belong to a tenant. A test gives other options. */
export async function createApp(testOptions: Partial<AuthenticateOptions> = {}): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(authenticate, {
    issuer: 'https://notes.example.com',
    secret: process.env.AUTH_SECRET,
    accessToken: {
      lifetimeSeconds: 300,
      claims: Type.Object({ roles: Type.Array(Type.String()), tenant: Type.String({ minLength: 1 }) })
    },
    trustedIssuers: [
      { issuer: 'https://login.example.com', audience: 'https://notes.example.com', algorithms: ['ES256'] }
    ],
    ...testOptions
  })
  const notes = new Map<string, string[]>([['acme', ['buy milk']]])

  app.get('/', { config: { auth: false } }, async (_request, reply) => reply.type('text/html').send(page))
  app.get('/me', { config: { auth: true } }, async ({ user }) => ({ sub: user.sub, tenant: user.tenant }))
  app.get('/notes', { config: { auth: { scopes: ['notes:read'] } } }, async ({ user }) => notes.get(user.tenant) ?? [])
  app.post('/notes', { config: { auth: { scopes: ['notes:write'] } } }, async (_request, reply) => {
    return reply.code(201).send()
  })
  app.delete('/notes', { config: { auth: { roles: ['admin'] } } }, async (_request, reply) => reply.code(204).send())
  app.get('/partners', { config: { auth: { issuers: ['https://login.example.com'] } } }, async ({ user }) => user.sub)
  app.post('/token', async (_request, reply) => reply.refresh())
  app.post('/sign-out', async (_request, reply) => {
    await reply.signOut()
    return reply.code(204).send()
  })
  return app
}
