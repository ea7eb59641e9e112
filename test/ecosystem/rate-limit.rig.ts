import rateLimit from '@fastify/rate-limit'
import Fastify from 'fastify'
import authenticate from '../../plugin/index.ts'
import t from 'tap'

t.test('@fastify/rate-limit as a hook before the plugin counts refused requests', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(rateLimit, { global: false, max: 1 })
  app.addHook('onRequest', app.rateLimit())
  await app.register(authenticate, { issuer: 'https://api.example.com', secret: '0123456789abcdef0123456789abcdef' })
  app.get('/me', { config: { auth: true } }, async () => 'me')
  t.equal((await app.inject('/me')).statusCode, 401)
  t.equal((await app.inject('/me')).statusCode, 429)
})
