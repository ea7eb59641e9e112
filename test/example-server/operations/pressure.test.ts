import { setImmediate } from 'node:timers/promises'
import underPressure from '@fastify/under-pressure'
import Fastify from 'fastify'
import t from 'tap'
import {
  createPressureHandler,
  refuseUnderPressure,
  servesUnderPressure
} from '../../../example-server/operations/pressure.ts'

t.test(
  'under pressure requests are refused with 503 and Retry-After, except routes with servesUnderPressure',
  async (t) => {
    const app = Fastify()
    t.teardown(() => app.close())
    const { refuse } = createPressureHandler()
    await app.register(underPressure, {
      sampleInterval: 10,
      maxHeapUsedBytes: 1,
      pressureHandler: async (_request, _reply, type) => refuse(type)
    })
    app.get('/work', async () => 'done')
    app.get('/health/live', { config: servesUnderPressure }, async () => 'alive')
    await app.ready()
    // Wait for the first sample.
    while (!app.isUnderPressure()) await setImmediate()
    const response = await app.inject('/work')
    t.match(response, { statusCode: 503, headers: { 'retry-after': '2' } })
    t.equal(response.json().code, 'OVERLOADED')
    t.equal((await app.inject('/health/live')).statusCode, 200)
  }
)

t.test("createPressureHandler() ignores the delay that the server's own start has caused", async (t) => {
  let now = 0
  const { listening, refuse } = createPressureHandler({ clock: () => now })
  const delay = underPressure.TYPE_EVENT_LOOP_DELAY
  const overloaded = { code: 'OVERLOADED', statusCode: 503 }
  // Whatever the start takes: a sample that it has spoilt counts for two intervals after it.
  now = 30_000
  t.doesNotThrow(() => refuse(delay), 'it does not listen yet')
  listening()
  now += 1999
  t.doesNotThrow(() => refuse(delay))
  t.throws(() => refuse(underPressure.TYPE_HEAP_USED_BYTES), overloaded, 'a full heap does not wait')
  now += 1
  t.throws(() => refuse(delay), overloaded)
})

t.test('refuseUnderPressure() serves the first requests after a start that has blocked the process', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await refuseUnderPressure(app)
  app.get('/work', async () => 'done')
  // The start's own work: long enough for the average of the first sample to exceed the limit.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500)
  await app.listen({ port: 0, host: '127.0.0.1' })
  while (!app.isUnderPressure()) await setImmediate()
  t.equal((await app.inject('/work')).statusCode, 200)
})
