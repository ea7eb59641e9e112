import { createTestAuth } from 'fastify-authenticate/testing'
import { afterEach, expect, test, vi } from 'vitest'
import { createApp } from '../app.js'

const claims = { roles: [], tenant: 'acme' }
// Not `setImmediate` and `queueMicrotask`, which Fastify needs.
const timers = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] as const
afterEach(() => {
  vi.useRealTimers()
})

test('fake timers do not move the clock of the kit, and no timer is left behind', async () => {
  vi.useFakeTimers({ now: Date.UTC(2001, 0, 1), toFake: [...timers, 'Date'] })
  const auth = createTestAuth()
  const app = await createApp(auth.options)
  const headers = await auth.as('alice', { claims })
  const status = async () => (await app.inject({ url: '/me', headers })).statusCode
  expect(await status()).toBe(200)
  vi.advanceTimersByTime(3_600_000)
  vi.setSystemTime(Date.UTC(2040, 0, 1))
  expect(await status()).toBe(200)
  auth.clock.advance(300)
  expect(await status()).toBe(401)
  await app.close()
  expect(vi.getTimerCount()).toBe(0)
})

test('the application can register another copy of the package than the test has imported', async () => {
  const auth = createTestAuth()
  vi.resetModules()
  const { createApp: createCopy } = await import('../app.js')
  expect(createCopy).not.toBe(createApp)
  const app = await createCopy(auth.options)
  const headers = await auth.as('alice', { claims })
  expect((await app.inject({ url: '/me', headers })).statusCode).toBe(200)
  await app.close()
})
