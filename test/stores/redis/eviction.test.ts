import { once } from 'node:events'
import t from 'tap'
import { skipWithoutRedis } from '../../fixtures/redis-server.ts'
import { serve } from '../../fixtures/redis-store.ts'

t.test('warnOfEviction() warns once unless the eviction policy is noeviction', skipWithoutRedis, async (t) => {
  const { admin, connect } = await serve(t)
  const warnings: (string | undefined)[] = []
  const onWarning = (warning: Error & { code?: string }) => {
    warnings.push(warning.code)
  }
  process.on('warning', onWarning)
  t.teardown(() => {
    process.off('warning', onWarning)
  })
  const store = await connect('ioredis', { prefix: 'a' })
  await store.find('session')
  await store.find('session')
  t.strictSame(warnings, [])
  await admin.config('SET', 'maxmemory-policy', 'allkeys-lru')
  const warned = once(process, 'warning')
  const evicting = await connect('node-redis', { prefix: 'b' })
  await evicting.find('session')
  t.match((await warned)[0], { message: /allkeys-lru/, code: 'FASTIFY_AUTHENTICATE_REDIS_EVICTION' })
  await evicting.find('session')
  await admin.acl('SETUSER', 'default', '-info')
  await (await connect('node-redis', { prefix: 'c' })).find('session')
  await admin.ping()
  t.strictSame(warnings, ['FASTIFY_AUTHENTICATE_REDIS_EVICTION'])
})
