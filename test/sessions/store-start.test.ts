import { once, EventEmitter } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { UnusableStoreError, type SessionStore } from '../../plugin/index.ts'
import { createStoreStart, type StoreStartParts } from '../../plugin/sessions/store-start.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { createClock } from '../fixtures/app.ts'

/** A server that listens would keep the process alive: the attempts by themselves do not. */
const listening = setInterval(() => {}, 60_000)
t.teardown(() => clearInterval(listening))

function create(methods: Partial<SessionStore>) {
  const clock = createClock()
  const lines = new EventEmitter()
  const logged: string[] = []
  const log = (level: string) => (message: string) => {
    logged.push(`${level}: ${message}`)
    lines.emit('line', message)
  }
  const order: string[] = []
  const revocations = {
    poll: async () => {
      order.push('read')
    },
    wake: async () => {
      order.push('wake')
    },
    startServing: () => {
      order.push('serve')
    }
  }
  const storeStart = createStoreStart({
    store: { ...memoryStore({ clock }), ...methods },
    storeClock: { observe() {}, excessMs: 0 },
    revocations,
    clock,
    pollSeconds: 0.001,
    whenStale: 'accept',
    log: { info: log('info'), warn: log('warn') }
  } as unknown as StoreStartParts)
  return { storeStart, logged, lines, order }
}

t.test('start() readies the store, subscribes, and reads the log before anything is served', async (t) => {
  const steps: string[] = []
  const { storeStart, order, logged } = create({
    prepare: async () => {
      steps.push('prepare')
      return { storeTime: createClock()() }
    },
    subscribe: async (wake) => {
      steps.push('subscribe')
      wake()
    }
  })
  await storeStart.start()
  t.strictSame([steps, order.slice(0, 3), logged], [['prepare', 'subscribe'], ['wake', 'read', 'serve'], []])
  await storeStart.close()
})

t.test('start() says in one line why there is no push', async (t) => {
  const { storeStart, logged } = create({
    subscribe: async () => {
      throw new Error('the pool has one client only')
    }
  })
  await storeStart.start()
  t.strictSame(logged, [
    'info: Sign-outs on other nodes take effect here within 0.001 s, by polling only: the pool has one client only'
  ])
  await storeStart.close()
})

t.test('a store that was away at the start is tried until it responds, and the recovery is logged', async (t) => {
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

t.test('a store that turns out to be unusable when it comes back is told, and not tried for ever', async (t) => {
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

t.test('close() does not wait for a store that does not connect, and says nothing of it', async (t) => {
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

t.test('close() between two attempts says nothing of a store that did not respond', async (t) => {
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

t.test('close() ends the attempts, and does not say that the store responds', async (t) => {
  const { storeStart, logged } = create({
    prepare: async () => {
      throw new Error('connect ECONNREFUSED')
    }
  })
  await storeStart.start()
  await storeStart.close()
  t.strictSame(logged.slice(1), [])
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
