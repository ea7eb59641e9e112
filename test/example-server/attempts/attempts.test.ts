import rateLimit from '@fastify/rate-limit'
import Fastify, { type FastifyRequest } from 'fastify'
import t, { type Test } from 'tap'
import { createAttempts } from '../../../example-server/attempts/attempts.ts'
import { createRegistrationLimit } from '../../../example-server/attempts/registration-limit.ts'
import { readConfig } from '../../../example-server/config/config.ts'
import { openDatabase } from '../../../example-server/database/database.ts'
import { createClock } from '../../fixtures/app.ts'
import { createInjected } from '../../fixtures/example-server.ts'

t.setTimeout(600_000)

const day = 24 * 3600

const from = (ip: string) => ({ ip, routeOptions: { config: {} } }) as FastifyRequest

interface Try<Account> {
  readonly account: Account
  /** Whether the password is right. Default: false. */
  readonly isRight?: boolean
}

/** Only the limits, over SQLite: passwords count as right or wrong without being hashed. */
async function createTries(t: Test, wait: (ms: number) => Promise<unknown> = async () => {}) {
  const app = Fastify()
  await app.register(rateLimit, { global: false })
  const { users, knownAddresses, close } = await openDatabase(readConfig({ DATA_DIR: t.testdir() }))
  t.teardown(async () => {
    await Promise.all([app.close(), close()])
  })
  for (const name of ['bob', 'carol']) await users.add({ name, passwordHash: 'none' })
  const clock = createClock()
  const attempt = createAttempts(app, { knownAddresses, clock, wait })

  /** Resolves to `right`, `wrong`, or the code of the refusal. */
  async function tryOut(ip: string, { account, isRight = false }: Try<string>): Promise<string> {
    try {
      return (await attempt(from(ip), { account, check: async () => isRight || null })) === null ? 'wrong' : 'right'
    } catch (error) {
      return (error as { code: string }).code
    }
  }

  /** Counts the outcomes of one attempt from each address. */
  async function tryAll(
    ips: Iterable<string>,
    { account, isRight = false }: Try<(index: number) => string>
  ): Promise<Record<string, number>> {
    const outcomes: Record<string, number> = {}
    let index = 0
    for (const ip of ips) {
      const outcome = await tryOut(ip, { account: account(index++), isRight })
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
    }
    return outcomes
  }

  return { app, clock, tryOut, tryAll }
}

const hex = (number: number) => number.toString(16)

/** This number of /64 networks of one /48. */
const networksOfOneSite = (count: number) => Array.from({ length: count }, (_, index) => `2001:db8:7:${hex(index)}::1`)

/** This number of unrelated addresses. */
const strangers = (count: number, first = 0) =>
  Array.from({ length: count }, (_, index) => `198.51.${(first + index) >> 8}.${(first + index) & 255}`)

t.test('attempt() also limits right passwords: 1000 in five minutes of an address, 3000 of a site', async (t) => {
  const { tryOut, tryAll } = await createTries(t)
  t.strictSame(await tryAll(Array(1010).fill('192.0.2.1'), { account: () => 'bob', isRight: true }), {
    right: 1000,
    TOO_MANY_ATTEMPTS: 10
  })
  t.equal(await tryOut('192.0.2.2', { account: 'bob', isRight: true }), 'right')
  const site = networksOfOneSite(4).flatMap((ip) => Array<string>(800).fill(ip))
  t.strictSame(await tryAll(site, { account: () => 'carol', isRight: true }), { right: 3000, TOO_MANY_ATTEMPTS: 200 })
})

t.test('attempt() limits all networks of a /48 together: 60 failures for one account, 600 for all', async (t) => {
  const { tryOut, tryAll } = await createTries(t)
  t.strictSame(await tryAll(networksOfOneSite(256), { account: () => 'bob' }), { wrong: 60, TOO_MANY_ATTEMPTS: 196 })
  t.strictSame(await tryAll(networksOfOneSite(1000), { account: (index) => `user ${index}` }), {
    wrong: 540,
    TOO_MANY_ATTEMPTS: 460
  })
  t.equal(await tryOut('2001:db8:8::1', { account: 'bob' }), 'wrong', 'another site')
})

t.test(
  'attempt() delays an account after failures from everywhere, by 2 s at most, and never refuses it',
  async (t) => {
    const waits: number[] = []
    const { tryOut, tryAll } = await createTries(t, async (ms) => {
      waits.push(ms)
    })
    t.strictSame(await tryAll(strangers(10), { account: () => 'bob' }), { wrong: 10 })
    t.strictSame(waits, [])
    t.strictSame(await tryAll(strangers(50, 10), { account: () => 'bob' }), { wrong: 50 })
    t.strictSame(waits, Array.from({ length: 50 }, (_, index) => Math.min(2000, index * 100)).slice(1))
    waits.length = 0
    t.equal(
      await tryOut('203.0.113.1', { account: 'BOB', isRight: true }),
      'right',
      'the owner can sign in after the delay'
    )
    t.strictSame(waits, [2000])
    t.equal(await tryOut('203.0.113.1', { account: 'carol', isRight: true }), 'right')
    t.strictSame(waits, [2000], 'another account is not delayed')
    t.strictSame(await tryAll(strangers(12), { account: () => 'nobody' }), { wrong: 12 })
    t.strictSame(waits, [2000, 100], 'an unknown account is delayed like any other')
  }
)

t.test('attempt() does not delay an address (or /64 network) that signed in within 30 days', async (t) => {
  const waits: number[] = []
  const { clock, tryOut, tryAll } = await createTries(t, async (ms) => {
    waits.push(ms)
  })
  const homes = ['203.0.113.1', '2001:db8:9::1']
  for (const home of homes) t.equal(await tryOut(home, { account: 'bob', isRight: true }), 'right')
  t.strictSame(await tryAll(strangers(40), { account: () => 'bob' }), { wrong: 40 })
  t.equal(waits.length, 29)
  waits.length = 0
  clock.advance(30 * day - 1)
  t.equal(await tryOut('203.0.113.1', { account: 'Bob', isRight: true }), 'right')
  t.equal(await tryOut('2001:db8:9::ffff', { account: 'bob' }), 'wrong')
  t.strictSame(waits, [])
  for (const [ip, account] of [
    ['203.0.113.2', 'bob'],
    ['2001:db8:9:1::1', 'bob']
  ] as const) {
    await tryOut(ip, { account })
  }
  t.strictSame(waits, [2000, 2000], 'an unknown address and an unknown network')
  clock.advance(2)
  await tryOut('2001:db8:9::1', { account: 'bob' })
  t.strictSame(waits, [2000, 2000, 2000], 'after 30 days')
  await tryOut('203.0.113.1', { account: 'bob', isRight: true })
  t.equal(waits.length, 3, 'the 30 days count from the last sign-in')
})

t.test('attempt() delays at most 100 attempts at a time, 10 of one site, and no other account', async (t) => {
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const { tryOut, tryAll } = await createTries(t, async () => await held)
  t.strictSame(await tryAll(strangers(11), { account: () => 'bob' }), { wrong: 11 })
  const ofSite = networksOfOneSite(10).map((ip) => tryOut(ip, { account: 'bob' }))
  t.equal(await tryOut('2001:db8:7:ff::1', { account: 'bob' }), 'BUSY', 'the eleventh attempt of a site')
  const others = strangers(90, 100).map((ip) => tryOut(ip, { account: 'bob' }))
  t.equal(await tryOut('203.0.113.1', { account: 'bob' }), 'BUSY', 'the hundred and first attempt')
  t.equal(await tryOut('203.0.113.1', { account: 'carol', isRight: true }), 'right')
  release()
  t.strictSame(await Promise.all([...ofSite, ...others]), Array(100).fill('wrong'))
  t.equal(await tryOut('203.0.113.1', { account: 'bob', isRight: true }), 'right')
})

t.test('a delayed sign-in does not occupy a place in the hash queue', async (t) => {
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  let delayed = () => {}
  const isDelayed = new Promise<void>((resolve) => {
    delayed = resolve
  })
  const { app, passwords } = await createInjected(t, {
    concurrency: 1,
    hashing: { hash: async () => 'none', verify: async () => false },
    wait: async () => {
      delayed()
      await held
    }
  })
  const login = async (username: string, remoteAddress: string) => {
    return (
      await app.inject({
        method: 'POST',
        url: '/auth/login',
        payload: { username, password: 'a wrong password' },
        remoteAddress
      })
    ).statusCode
  }
  for (const address of strangers(11)) t.equal(await login('bob', address), 401)
  const waiting = login('bob', '203.0.113.1')
  await isDelayed
  t.strictSame(passwords.load(), { running: 0, waiting: 0 })
  t.equal(await login('carol', '203.0.113.1'), 401)
  release()
  t.equal(await waiting, 401)
})

t.test('createRegistrationLimit() allows an address 100 registrations a minute, a site 300', async (t) => {
  const { app } = await createTries(t)
  const limit = createRegistrationLimit(app)
  const made = async (ip: string) =>
    await limit(from(ip)).then(
      () => 1,
      () => 0
    )
  let ofAddress = 0
  let ofSite = 0
  for (let index = 0; index < 110; index++) ofAddress += await made('192.0.2.1')
  for (const ip of networksOfOneSite(400)) ofSite += await made(ip)
  t.strictSame([ofAddress, ofSite], [100, 300])
})
