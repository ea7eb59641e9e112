import { setImmediate } from 'node:timers/promises'
import underPressure from '@fastify/under-pressure'
import Fastify from 'fastify'
import t from 'tap'
import { servesUnderPressure, pressure } from '../../../example-server/operations/pressure.ts'

t.test(
  'under pressure requests are refused with 503 and Retry-After, except routes with servesUnderPressure',
  async (t) => {
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(underPressure, { ...pressure, sampleInterval: 10, maxHeapUsedBytes: 1 })
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
