import fastify from 'fastify'
import authenticate from '../../dist/index.js'
import { memoryStore } from '../../dist/stores/memory.js'
import { given } from '../given.js'
import { listen } from './listen.js'
import { revokedFeed } from './revoked-feed.js'

const { issuer, audience, secret, key, revocations = 0, cacheSize } = given
const app = fastify()
await app.register(authenticate, {
  issuer,
  audience,
  secret,
  keys: [key],
  accessToken: { cacheSize },
  store: { ...memoryStore(), ...revocations > 0 && { readFeed: revokedFeed(revocations) } }
})
app.get('/me', { config: { auth: true } }, async (request) => ({ sub: request.user.sub }))
await listen(app)
