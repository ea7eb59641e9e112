import fastify from 'fastify'
import authenticate from '../../../dist/index.js'
import { input } from '../../input.js'
import { listen } from '../listen.js'

const { issuer, secret, key, users, location } = input
const { open } = await import(`../../micro/stores/${location.store}.js`)
const { store } = await open(location, 'plugin')
const app = fastify()
await app.register(authenticate, {
  issuer,
  secret,
  keys: [key],
  store,
  // Otherwise a second refresh within seconds returns the same token, and does not rotate.
  refreshToken: { retrySeconds: 0 }
})
let number = 0
app.post('/login', async (_request, reply) => {
  await reply.signIn({ sub: `user-${number++}`, transport: 'cookie' })
  return {}
})
app.get('/me', { config: { auth: true } }, async (request) => ({ sub: request.user.sub }))
app.post('/refresh', async (_request, reply) => {
  await reply.refresh()
  return reply.code(204).send()
})
await listen(app, await signInBySameOrigin())

async function signInBySameOrigin() {
  const cookies = []
  while (cookies.length < users) {
    const response = await app.inject({ method: 'POST', url: '/login', headers: { 'sec-fetch-site': 'same-origin' } })
    if (response.statusCode !== 200) throw new Error(response.body)
    cookies.push(response.cookies.map(({ name, value }) => `${name}=${value}`).join('; '))
  }
  return cookies
}
