import { afterEach, expect, jest, test } from '@jest/globals'
import { createTestAuth } from 'fastify-authenticate/testing'
import { createApp } from '../app.js'

const claims = { roles: [], tenant: 'acme' }
afterEach(() => {
  jest.useRealTimers()
})

test('fake timers do not move the clock of the kit, and no timer is left behind', async () => {
  // Fastify needs these.
  jest.useFakeTimers({ now: Date.UTC(2001, 0, 1), doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] })
  const auth = createTestAuth()
  const app = await createApp(auth.options)
  const headers = await auth.as('alice', { claims })
  const status = async () => (await app.inject({ url: '/me', headers })).statusCode
  expect(await status()).toBe(200)
  jest.advanceTimersByTime(3_600_000)
  jest.setSystemTime(Date.UTC(2040, 0, 1))
  expect(await status()).toBe(200)
  auth.clock.advance(300)
  expect(await status()).toBe(401)
  await app.close()
  expect(jest.getTimerCount()).toBe(0)
})

test('the application can register another copy of the package than the test has imported', async () => {
  const auth = createTestAuth()
  jest.resetModules()
  const { createApp: createCopy } = await import('../app.js')
  expect(createCopy).not.toBe(createApp)
  const app = await createCopy(auth.options)
  const headers = await auth.as('alice', { claims })
  expect((await app.inject({ url: '/me', headers })).statusCode).toBe(200)
  await app.close()
})
