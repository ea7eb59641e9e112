// A server and its requests, for the runtimes. Prints what it has seen, and exits.
import fastify from 'fastify'
import authenticate from 'fastify-authenticate'

const seen = []
const keys = [
  { key: await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify']).then(({ privateKey }) => privateKey) }
]
const app = fastify()
await app.register(authenticate, {
  issuer: 'https://api.example.com',
  secret: 'a secret of the rigs, of 32 bytes or more',
  keys
})
app.post('/login', async (_request, reply) => reply.signIn({ sub: 'alice', scope: 'notes:read', transport: 'cookie' }))
app.post('/token', async (_request, reply) => reply.signIn({ sub: 'alice', scope: 'notes:read', transport: 'bearer' }))
app.post('/refresh', async (_request, reply) => reply.refresh())
app.post('/logout', async (_request, reply) => {
  await reply.signOut()
  return reply.code(204).send()
})
app.get(
  '/notes',
  { config: { auth: { scopes: ['notes:read'] } } },
  async ({ user, auth }) => `${user.sub} ${auth.source}`
)
const origin = await app.listen({ port: 0, host: '127.0.0.1' })

const cookiesOf = (response) =>
  response.headers
    .getSetCookie()
    .map((line) => line.split(';')[0])
    .join('; ')
async function send(method, path, headers = {}) {
  const response = await fetch(origin + path, { method, headers: { ...(method === 'POST' && { origin }), ...headers } })
  const text = await response.text()
  seen.push(
    `${method} ${path} ${response.status} ${/"code":"(\w+)"/.exec(text)?.[1] ?? (text.startsWith('{') ? '' : text)}`.trim()
  )
  return { response, text }
}

await send('GET', '/notes')
const { response: signedIn } = await send('POST', '/login')
await send('GET', '/notes', { cookie: cookiesOf(signedIn) })
await send('HEAD', '/notes', { cookie: cookiesOf(signedIn) })
const { response: refreshed } = await send('POST', '/refresh', { cookie: cookiesOf(signedIn) })
await send('GET', '/notes', { cookie: cookiesOf(refreshed) })
await send('POST', '/refresh', { cookie: cookiesOf(refreshed), origin: 'https://evil.example' })
const { text } = await send('POST', '/token')
await send('GET', '/notes', { authorization: `Bearer ${JSON.parse(text).access_token}` })
await send('GET', '/notes', { authorization: 'Bearer forged.e30.token' })
await send('POST', '/logout', { cookie: cookiesOf(refreshed) })
await send('GET', '/notes', { cookie: cookiesOf(refreshed) })
const { keys: published } = app.keys.jwks()
seen.push(published.map(({ crv, d }) => `${crv} ${d}`).join())
await app.close()
console.log(seen.join('\n'))
