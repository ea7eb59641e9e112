import { setImmediate } from 'node:timers/promises'
import * as argon2 from '@node-rs/argon2'
import type { LightMyRequestResponse } from 'fastify'
import t from 'tap'
import { createPasswords } from '../../../example-server/passwords/passwords.ts'
import { summaryOf, login } from '../../fixtures/example-client.ts'
import { createInjected } from '../../fixtures/example-server.ts'

t.test('a full hash queue refuses with BUSY and Retry-After, and serves those who wait', async (t) => {
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  let most = 0
  let running = 0
  const { app } = await createInjected(t, {
    concurrency: 2,
    maxWaiting: 3,
    hashing: {
      hash: argon2.hash,
      async verify() {
        most = Math.max(most, ++running)
        await held
        running--
        return false
      }
    }
  })
  const early: LightMyRequestResponse[] = []
  let responses: Promise<LightMyRequestResponse>[] = []
  await new Promise<void>((resolve) => {
    responses = Array.from({ length: 8 }, async (_, user) => {
      const response = await login(app, { username: `user${user}` })
      if (early.push(response) === 3) resolve()
      return response
    })
  })
  for (const response of early) {
    t.strictSame(summaryOf(response), [503, 'BUSY'])
    t.equal(response.headers['retry-after'], '2')
  }
  release()
  const statuses = (await Promise.all(responses)).map(({ statusCode }) => statusCode)
  t.strictSame(statuses.sort(), [401, 401, 401, 401, 401, 503, 503, 503])
  t.equal(most, 2)
})

t.test('the hash queue serves addresses in turn, and bounds the share of an address and of a site', async (t) => {
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const served: string[] = []
  const { app, passwords } = await createInjected(t, {
    concurrency: 1,
    hashing: {
      hash: async () => 'none',
      async verify(_hash, given) {
        await held
        served.push(String(given).split(' ', 1)[0]!)
        return true
      }
    }
  })
  const waiting = async (count: number) => {
    while (passwords.load().waiting < count) await setImmediate()
  }
  const flood = Array.from(
    { length: 220 },
    async (_, index) =>
      await login(app, { username: `user${index % 11}`, given: 'mallory of 192.0.2.66', from: '192.0.2.66' })
  )
  const site = Array.from(
    { length: 60 },
    async (_, index) =>
      await login(app, { username: `user${index}`, given: 'oscar of a site', from: `2001:db8:7:${index}::1` })
  )
  await waiting(60)
  const others = (
    [
      ['alice', '192.0.2.1'],
      ['bob', '192.0.2.2'],
      ['carol', '2001:db8:8::1']
    ] as const
  ).map(async ([name, address]) => await login(app, { username: name, given: `${name} herself`, from: address }))
  await waiting(63)
  release()
  await Promise.all(others)
  t.strictSame(
    served.slice(0, 6),
    ['mallory', 'mallory', 'oscar', 'alice', 'bob', 'carol'],
    'after the first one, each address in turn'
  )
  const outcomes = (await Promise.all([...flood, ...site])).map(({ statusCode }) => statusCode)
  t.equal(
    outcomes.slice(0, 220).filter((status) => status === 503).length,
    220 - 21,
    'of one address, one is hashed and 20 wait'
  )
  t.equal(outcomes.slice(220).filter((status) => status === 503).length, 60 - 40, '40 wait of a site')
  t.strictSame(served.slice(6, 10), ['mallory', 'oscar', 'mallory', 'oscar'])
})

t.test('refuseWaiting() refuses the passwords that wait, and finishes those that are being hashed', async (t) => {
  let release = () => {}
  const held = new Promise<string>((resolve) => {
    release = () => resolve('a hash')
  })
  const hashes = ["nobody's", held]
  const passwords = await createPasswords({
    concurrency: 1,
    hashing: { hash: async () => await hashes.shift()!, verify: async () => true }
  })
  const [running, ...waiting] = [passwords.hash('one'), passwords.hash('two'), passwords.hash('three')]
  t.strictSame(passwords.load(), { running: 1, waiting: 2 })
  passwords.refuseWaiting()
  for (const refused of waiting) await t.rejects(refused, { code: 'BUSY' })
  release()
  t.equal(await running, 'a hash')
  t.strictSame(passwords.load(), { running: 0, waiting: 0 })
})
