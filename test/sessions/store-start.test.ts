import { EventEmitter, once } from 'node:events'
import { syncBuiltinESMExports } from 'node:module'
import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { UnusableStoreError, type SessionStore } from '../../plugin/index.ts'
import { createStoreStart } from '../../plugin/sessions/store-start.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { createApp, createClock, epoch } from '../fixtures/app.ts'
import { hourMs } from '../fixtures/signed-in.ts'

/** Keeps the process alive, as a listening server does: the attempts are unreferenced. */
const listening = setInterval(() => {}, 60_000)
t.teardown(() => clearInterval(listening))

interface Setup {
  readonly pollSeconds?: number
  /** Reads the log. */
  readonly poll?: () => Promise<void>
}

function create(methods: Partial<SessionStore>, { pollSeconds = 0.001, poll = async () => {} }: Setup = {}) {
  const clock = createClock()
  const lines = new EventEmitter()
  const logged: string[] = []
  const log = (level: string) => (message: string) => {
    logged.push(`${level}: ${message}`)
    lines.emit('line', message)
  }
  const order: string[] = []
  const revocations = {
    reads: {
      poll: async () => {
        order.push('read')
        await poll()
      },
      pollIfDue: async () => {
        order.push('poll')
      },
      wake: async () => {
        order.push('wake')
      },
      heartbeat: () => {
        order.push('heartbeat')
      }
    },
    recordPushed: () => {
      order.push('push')
    },
    startServing: () => {
      order.push('serve')
    }
  }
  const observed: unknown[] = []
  const storeStart = createStoreStart({
    store: { ...memoryStore({ clock }), ...methods },
    storeClock: { observe: (observation) => observed.push(observation), excessMs: 0 },
    revocations,
    clock,
    pollSeconds,
    whenStale: 'accept',
    log: { info: log('info'), warn: log('warn') }
  })
  return { storeStart, clock, observed, logged, lines, order }
}

/** Mocks all timers, and the clock by which the start counts. Resolves when everybody who waited has continued. */
function mockTimers(t: Test) {
  let ms = 1000
  mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
  syncBuiltinESMExports()
  t.teardown(() => {
    mock.timers.reset()
    syncBuiltinESMExports()
  })
  t.intercept(performance, 'now', { value: () => ms, configurable: true })
  return async (passedMs: number) => {
    ms += passedMs
    mock.timers.tick(passedMs)
    await setImmediate()
  }
}

t.test('start() prepares the store, subscribes, and reads the log before startServing()', async (t) => {
  const steps: string[] = []
  const { storeStart, clock, observed, order, logged } = create({
    prepare: async () => {
      steps.push('prepare')
      clock.advance(1)
      return { storeTime: epoch + 500 }
    },
    subscribe: async (listener) => {
      steps.push('subscribe')
      listener.wake()
      listener.revoked([])
      listener.heartbeat()
    }
  })
  await storeStart.start()
  t.strictSame([steps, logged], [['prepare', 'subscribe'], []])
  t.strictSame(order.slice(0, 5), ['wake', 'push', 'heartbeat', 'read', 'serve'])
  t.strictSame(observed, [{ storeTime: epoch + 500, sentAt: epoch, receivedAt: epoch + 1000 }])
  await storeStart.close()
})

t.test('start() waits nine seconds at most for a store that never responds, and begins without it', async (t) => {
  const pass = mockTimers(t)
  const never = () => new Promise<never>(() => {})
  const { storeStart, logged, order } = create({ prepare: never, subscribe: never }, { pollSeconds: 60, poll: never })
  const start = storeStart.start()
  const progress = () => [logged.length, ...order]
  await pass(4999)
  t.strictSame(progress(), [0])
  await pass(1)
  t.match(logged, [/^warn: fastify-authenticate starts without its store: it did not respond within 5000 ms\./])
  await pass(1499)
  t.strictSame(progress(), [1])
  await pass(1)
  t.match(logged[1], /^info: Sign-outs .* by polling only: subscribe\(\) did not resolve within 1500 ms$/)
  await pass(2499)
  t.strictSame(progress(), [2, 'read'])
  await pass(1)
  t.strictSame(progress(), [2, 'read', 'serve'])
  await start
  await storeStart.close()
})

t.test('start() polls the log each `pollSeconds` from then on, until close()', async (t) => {
  const pass = mockTimers(t)
  const { storeStart, order } = create({}, { pollSeconds: 5 })
  await storeStart.start()
  t.strictSame(order.splice(0), ['read', 'serve'])
  await pass(4999)
  t.strictSame(order, [])
  await pass(1)
  t.strictSame(order, ['poll'])
  await pass(5000)
  t.strictSame(order, ['poll', 'poll'])
  await storeStart.close()
  await pass(5000)
  t.strictSame(order, ['poll', 'poll'])
})

t.test('start() tries a store that is down each `pollSeconds`', async (t) => {
  const pass = mockTimers(t)
  let calls = 0
  const prepare = async () => {
    calls++
    throw new Error('connect ECONNREFUSED')
  }
  const { storeStart } = create({ prepare }, { pollSeconds: 5 })
  await storeStart.start()
  await pass(4999)
  t.equal(calls, 1)
  await pass(1)
  t.equal(calls, 2)
  await pass(5000)
  t.equal(calls, 3)
  await storeStart.close()
})

t.test('start() leaves no timer that keeps the process alive, whether the store responds or not', async (t) => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  for (const isDown of [false, true]) {
    const prepare = async () => {
      if (isDown) throw new Error('connect ECONNREFUSED')
      return { storeTime: epoch }
    }
    const before = timers()
    const { storeStart } = create({ prepare }, { pollSeconds: 3600 })
    await storeStart.start()
    t.equal(timers(), before)
    await storeStart.close()
  }
})

t.test('start() logs the reason if the store cannot push', async (t) => {
  const rows: [thrown: unknown, reason: string][] = [
    [new Error('the pool has one client only'), 'the pool has one client only'],
    [new AggregateError([new Error('ECONNREFUSED ::1'), new Error('ECONNREFUSED 127.0.0.1')]), 'AggregateError'],
    ['a text', 'a text']
  ]
  for (const [thrown, reason] of rows) {
    const { storeStart, logged } = create({
      subscribe: async () => {
        throw thrown
      }
    })
    await storeStart.start()
    t.strictSame(logged, [`info: Sign-outs on other nodes take effect here within 0.001 s, by polling only: ${reason}`])
    await storeStart.close()
  }
})

t.test('start() keeps trying a store that is down, and logs when it responds', async (t) => {
  let failures = 3
  const { storeStart, logged, lines } = create({
    prepare: async () => {
      if (failures-- > 0) throw new Error('the database system is starting up')
      return { storeTime: createClock()() }
    }
  })
  await storeStart.start()
  t.match(logged, [/^warn: fastify-authenticate starts without its store: the database system is starting up/])
  await once(lines, 'line')
  t.strictSame(logged.slice(1), ['info: The store of fastify-authenticate responds now'])
  await storeStart.close()
})

t.test('start() logs a store that turns out to be unusable, and stops trying it', async (t) => {
  let calls = 0
  const { storeStart, logged, lines } = create({
    prepare: async () => {
      if (calls++ === 0) throw new Error('connect ECONNREFUSED')
      throw new UnusableStoreError('password authentication failed for user "app"')
    }
  })
  await storeStart.start()
  await once(lines, 'line')
  t.strictSame(logged.slice(1), [
    'warn: fastify-authenticate cannot use its store: password authentication failed for user "app"'
  ])
  await storeStart.close()
  t.equal(calls, 2)
})

t.test('close() does not wait for a running prepare(), and nothing is logged when that resolves', async (t) => {
  let calls = 0
  let connect = (_response: { storeTime: number }) => {}
  const tries = new EventEmitter()
  const { storeStart, logged } = create({
    prepare: async () => {
      if (calls++ === 0) throw new Error('connect ECONNREFUSED')
      tries.emit('try')
      return await new Promise((resolve) => {
        connect = resolve
      })
    }
  })
  const tried = once(tries, 'try')
  await storeStart.start()
  await tried
  await storeStart.close()
  connect({ storeTime: createClock()() })
  await setImmediate()
  t.equal(logged.length, 1)
})

t.test('close() between two attempts logs nothing', async (t) => {
  const { storeStart, logged } = create({
    prepare: async () => {
      throw new Error('connect ECONNREFUSED')
    }
  })
  await storeStart.start()
  await storeStart.close()
  await setImmediate()
  t.equal(logged.length, 1)
})

t.test('close() does not wait for a store that never responds', async () => {
  let calls = 0
  let hang = () => {}
  const hanging = new Promise<void>((resolve) => {
    hang = resolve
  })
  const { storeStart } = create({
    prepare: async () => {
      if (calls++ === 0) throw new Error('connect ECONNREFUSED')
      hang()
      return await new Promise(() => {})
    }
  })
  await storeStart.start()
  await hanging
  await storeStart.close()
})

t.test(
  'a clock difference of three hours stops the start, with a message that says which clock is ahead',
  async (t) => {
    for (const [skewMs, words] of [
      [3 * hourMs, 'ahead of'],
      [-3 * hourMs, 'behind']
    ] as const) {
      const store = memoryStore({ clock: createClock(epoch + skewMs) })
      await t.rejects(createApp({ plugin: { store, clock: createClock() } }), {
        message: new RegExp(
          `its clock is 10800 s ${words} this node's, and at most 7200 s are compensated. Correct one of the clocks`
        )
      })
    }
  }
)

t.test('an unusable store stops the start, with the reason of the database', async (t) => {
  const store: SessionStore = {
    ...memoryStore(),
    prepare: async () => {
      throw new UnusableStoreError('permission denied for schema public: grant CREATE')
    }
  }
  await t.rejects(createApp({ plugin: { store } }), {
    message: 'fastify-authenticate cannot use its store: permission denied for schema public: grant CREATE'
  })
})

t.test('a store that is down causes one warning, with the reason and what is accepted meanwhile', async (t) => {
  for (const [whenStale, meanwhile] of [
    ['accept', 'access tokens are accepted even if they are revoked'],
    ['refuse', 'so do all requests with a token'],
    ['ask', 'so do all requests with a token']
  ] as const) {
    const clock = createClock()
    const store: SessionStore = {
      ...memoryStore({ clock }),
      prepare: async () => {
        throw new Error('connect ECONNREFUSED 127.0.0.1:5432')
      }
    }
    const server = await createApp({ plugin: { store, clock, revocation: { whenStale } } })
    t.strictSame(server.warnings(), [
      'fastify-authenticate starts without its store: connect ECONNREFUSED 127.0.0.1:5432. ' +
        `Until it responds, sign-in, refresh and sign-out return 503, and ${meanwhile}`
    ])
    await server.app.close()
  }
})
