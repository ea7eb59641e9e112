import rateLimit from '@fastify/rate-limit'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { importRecipe } from '../printed-code.ts'
import './recipe-application.ts'

const right = 'correct horse battery staple'

async function start(t: Test) {
  const { createApp } = await importRecipe<{ createApp(): Promise<FastifyInstance> }>(t, {
    page: 'docs/recipes/rate-limits.md',
    file: 'file app.ts'
  })
  const app = await createApp()
  t.teardown(() => app.close())
  /** One sign-in, as the proxy passes it on. */
  const signIn = async (username: string, password: string, address = '192.0.2.1') =>
    await app.inject({
      method: 'POST',
      url: '/login',
      headers: { 'x-forwarded-for': address },
      payload: { username, password }
    })
  /** How often each status was received. */
  const statuses = async (times: number, send: (index: number) => Promise<{ statusCode: number }>) => {
    const counts: Record<number, number> = {}
    for (let index = 0; index < times; index++) {
      const { statusCode } = await send(index)
      counts[statusCode] = (counts[statusCode] ?? 0) + 1
    }
    return counts
  }
  return { app, signIn, statuses }
}

t.test('attempts from one address are limited, and those of other addresses are not', async (t) => {
  const { signIn, statuses } = await start(t)
  t.strictSame(await statuses(25, async (index) => await signIn(`user${index}`, 'guess')), { 401: 20, 429: 5 })
  const refused = await signIn('alice', right)
  t.equal(refused.statusCode, 429, 'the right password too')
  t.equal(refused.headers['retry-after'], '600')
  t.equal((await signIn('alice', right, '192.0.2.2')).statusCode, 200)
  const forged = await signIn('alice', right, '198.51.100.7, 192.0.2.1')
  t.equal(forged.statusCode, 429, 'a client cannot choose its address')
})

t.test('attempts at one account are limited, from any address and in any spelling', async (t) => {
  const { signIn, statuses } = await start(t)
  const spellings = ['alice', 'ALICE', ' Alice ', 'ａｌｉｃｅ']
  const counts = await statuses(
    50,
    async (index) => await signIn(spellings[index % spellings.length]!, `guess ${index}`, `192.0.2.${index}`)
  )
  t.strictSame(counts, { 401: 10, 429: 40 })
  t.equal((await signIn('alice', right, '203.0.113.1')).statusCode, 429)
  t.strictSame(await statuses(11, async (index) => await signIn('nobody', 'x', `198.51.100.${index}`)), {
    401: 10,
    429: 1
  })
})

t.test('attempts that arrive together do not pass the limit', async (t) => {
  const { signIn } = await start(t)
  const responses = await Promise.all(
    Array.from({ length: 100 }, async (_, index) => await signIn('alice', 'guess', `192.0.2.${index}`))
  )
  const checked = responses.filter(({ statusCode }) => statusCode === 401)
  t.ok(checked.length <= 10, `${checked.length} were checked`)
})

t.test('refreshes are limited apart from sign-ins', async (t) => {
  const { app, signIn, statuses } = await start(t)
  const headers = { 'x-forwarded-for': '192.0.2.1' }
  const refresh = async () => await app.inject({ method: 'POST', url: '/refresh', headers })
  t.strictSame(await statuses(61, refresh), { 401: 60, 429: 1 })
  t.equal((await signIn('alice', right)).statusCode, 200)
})

t.test('@fastify/rate-limit ignores config.rateLimit after app.rateLimit(), but not createRateLimit()', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(rateLimit, { global: false, max: 100 })
  app.addHook('onRequest', app.rateLimit())
  app.get('/strict', { config: { rateLimit: { max: 1 } } }, async () => 'strict')
  t.equal((await app.inject('/strict')).statusCode, 200)
  t.equal((await app.inject('/strict')).statusCode, 200, 'as the page says')
})
