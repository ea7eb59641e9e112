import fastify from 'fastify'
import authenticate from '../../dist/index.js'
import { memoryStore } from '../../dist/stores/memory.js'
import { input } from '../input.js'
import { createRevocationLog } from '../revocation-log.js'
import { listen } from './listen.js'

const { issuer, audience, secret, key, revocations = 0, cacheSize } = input
const { readRevocations, loaded } = createRevocationLog(revocations)
const app = fastify()
await app.register(authenticate, {
  issuer,
  audience,
  secret,
  keys: [key],
  accessToken: { cacheSize },
  store: { ...memoryStore(), readRevocations }
})
app.get('/me', { config: { auth: true } }, async (request) => ({ sub: request.user.sub }))
await app.ready()
await loaded
await listen(app)
