import { setImmediate } from 'node:timers/promises'
import underPressure from '@fastify/under-pressure'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import {
  createPressureHandler,
  refuseUnderPressure,
  servesUnderPressure,
  type PressureOptions
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
  const timers: { ms: number; end: () => void }[] = []
  const wait = (ms: number) => new Promise<void>((resolve) => timers.push({ ms, end: resolve }))
  const { listening, refuse } = createPressureHandler({ wait })
  const delay = underPressure.TYPE_EVENT_LOOP_DELAY
  const overloaded = { code: 'OVERLOADED', statusCode: 503 }
  t.doesNotThrow(() => refuse(delay), 'it does not listen yet')
  const started = listening()
  t.doesNotThrow(() => refuse(delay), 'the sample of the start has not ended')
  timers[0]!.end()
  await setImmediate()
  t.doesNotThrow(() => refuse(delay), 'it has ended, and counts until the next one ends')
  t.throws(() => refuse(underPressure.TYPE_HEAP_USED_BYTES), overloaded, 'a full heap does not wait')
  timers[1]!.end()
  await started
  t.throws(() => refuse(delay), overloaded)
  t.strictSame(
    timers.map(({ ms }) => ms),
    [1000, 1000]
  )
})

/** Blocks the event loop. */
const block = (ms: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)

async function startApplication(t: Test, { maxEventLoopDelayMs }: PressureOptions) {
  const app = Fastify()
  t.teardown(() => app.close())
  await refuseUnderPressure(app, { maxEventLoopDelayMs })
  app.get('/work', async () => 'done')
  // The start's own work: long enough for the average of the first sample to exceed the limit.
  block(2500)
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, status: async () => (await app.inject('/work')).statusCode }
}

t.test('refuseUnderPressure() serves the first requests after a start that has blocked the process', async (t) => {
  const { app, status } = await startApplication(t, { maxEventLoopDelayMs: 1000 })
  while (!app.isUnderPressure()) await setImmediate()
  t.equal(await status(), 200)
})

t.test('refuseUnderPressure() does not look at the event loop if the limit is 0', async (t) => {
  const { app, status } = await startApplication(t, { maxEventLoopDelayMs: 0 })
  t.equal(app.isUnderPressure(), false)
  t.equal(await status(), 200)
})
