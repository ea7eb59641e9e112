import * as argon2 from '@node-rs/argon2'
import t from 'tap'
import { createJar, password, summaryOf, register, login } from '../../fixtures/example-client.ts'
import { strongParameters } from '../../../example-server/passwords/passwords.ts'
import { createDemo, createInjected } from '../../fixtures/example-server.ts'

t.test('a body that does not match its schema is refused before anything is hashed, and never coerced', async (t) => {
  let hashed = 0
  const { app, signIn } = await createInjected(t, {
    hashing: {
      hash: async (...args) => {
        hashed++
        return await argon2.hash(...args)
      },
      verify: async (...args) => {
        hashed++
        return await argon2.verify(...args)
      }
    }
  })
  const bob = await signIn('bob')
  const before = hashed
  const wrong: [string, unknown][] = [
    ['/auth/login', { username: 'bob', password: [password] }],
    ['/auth/login', { username: ['bob'], password }],
    ['/auth/login', { username: 'bob', password: { toString: password } }],
    ['/auth/login', { username: 'bob', password: 12345678 }],
    ['/auth/login', { username: 'bob', password: null }],
    ['/auth/login', { username: 'bob', password: '' }],
    ['/auth/login', { username: 'bob', password: 'p'.repeat(257) }],
    ['/auth/login', { username: 'bob', password: `${password}\ud800` }],
    ['/auth/login', { username: 'b'.repeat(255), password }],
    ['/auth/login', { username: 'bob' }],
    ['/auth/login', { username: 'bob', password, transport: 'pigeon' }],
    ['/auth/login', { username: 'bob', password, admin: true }],
    ['/auth/login', { username: 'bob', password, transport: 'cookie', remember: 'false' }],
    ['/auth/login', { username: 'bob', password, transport: 'cookie', remember: null }],
    ['/auth/login', []],
    ['/auth/login', 'null'],
    ['/auth/register', { username: 'carol', password: ['password1'] }],
    ['/auth/register', { username: 'carol', password: 'short' }],
    ['/auth/register', { username: 'carol', password: 'p'.repeat(257) }],
    ['/auth/register', { username: 'carol', password, roles: ['admin'] }],
    ...['', 'c', '.carol', 'carol smith', 'cаrol', 'c'.repeat(33), 'carol\n'].map((username): [string, unknown] => [
      '/auth/register',
      { username, password }
    ]),
    ['/auth/password', { current_password: [password], new_password: password }],
    ['/auth/password', { current_password: password, new_password: 'short' }],
    ['/auth/refresh', { refresh_token: 1 }],
    ['/auth/refresh', { refresh_token: ['rt1'] }],
    ['/auth/logout', { refresh_token: {} }],
    ['/notes', { text: 1 }],
    ['/notes', { text: '' }],
    ['/notes', { text: 'a', owner: 'alice' }]
  ]
  for (const [url, payload] of wrong) {
    const headers = { 'content-type': 'application/json', ...bob.headers }
    const response = await app.inject({
      method: 'POST',
      url,
      headers,
      payload: typeof payload === 'string' ? payload : JSON.stringify(payload)
    })
    t.strictSame(summaryOf(response), [400, 'FST_ERR_VALIDATION'], `${url} ${JSON.stringify(payload).slice(0, 80)}`)
  }
  const large = JSON.stringify({ username: 'bob', password: 'p'.repeat(1024 * 1024) })
  const raw: [string, string, number][] = [
    ['application/json', large, 413],
    ['application/json', '{"username":', 400],
    ['application/json', '{"username":"bob","password":"x","__proto__":{"transport":"cookie"}}', 400],
    ['text/plain', JSON.stringify({ username: 'bob', password, transport: 'cookie' }), 400],
    ['application/x-www-form-urlencoded', 'username=bob&password=x', 415]
  ]
  for (const [type, payload, status] of raw) {
    const response = await app.inject({
      method: 'POST',
      url: '/auth/login',
      headers: { 'content-type': type },
      payload
    })
    t.equal(response.statusCode, status, `${type} ${payload.slice(0, 40)}`)
    t.same(response.cookies, [])
  }
  t.equal(hashed, before)
})

t.test('an unknown user costs the same work as a wrong password, and gets the same response', async (t) => {
  const work: string[] = []
  const { app } = await createInjected(t, {
    parameters: strongParameters,
    hashing: {
      hash: argon2.hash,
      async verify(hash, ...rest) {
        const { algorithm, memoryCost, timeCost, parallelism } = argon2.parseOptions(hash)
        work.push([algorithm, memoryCost, timeCost, parallelism].join())
        return await argon2.verify(hash, ...rest)
      }
    }
  })
  await register(app, 'bob')
  const [wrong, unknown, odd] = [
    await login(app, { username: 'bob', given: 'wrong' }),
    await login(app, { username: 'nobody', given: 'wrong' }),
    await login(app, { username: "' OR 1=1", given: 'wrong' })
  ]
  t.strictSame(work, ['2,19456,2,1', '2,19456,2,1', '2,19456,2,1'], 'argon2id, 19 MiB, two passes, one lane')
  t.strictSame(summaryOf(wrong), [401, 'LOGIN_FAILED'])
  t.match(wrong.headers, { 'www-authenticate': 'Bearer realm="http://localhost:3000"' })
  for (const response of [unknown, odd]) {
    t.equal(response.body, wrong.body)
    t.strictSame(Object.keys(response.headers).sort(), Object.keys(wrong.headers).sort())
  }
})

t.test('guesses at one account are limited per address, and its owner can sign in from elsewhere', async (t) => {
  const { app } = await createInjected(t)
  await register(app, 'alice')
  for (const username of ['alice', 'nobody']) {
    const guesses = await Promise.all(
      Array.from(
        { length: 100 },
        async (_, guess) => await login(app, { username, given: `guess ${guess}`, from: '192.0.2.66' })
      )
    )
    t.equal(
      guesses.filter(({ statusCode }) => statusCode === 401).length,
      20,
      'a burst gets as many guesses as a sequence'
    )
    const refused = guesses.filter(({ statusCode }) => statusCode === 429)
    t.equal(refused.length, 80)
    t.ok(refused.every(({ headers }) => Number(headers['retry-after']) >= 1))
    const next = await login(app, { username: username.toUpperCase(), from: '192.0.2.66' })
    t.strictSame(summaryOf(next), [429, 'TOO_MANY_ATTEMPTS'], 'even the right password in another spelling')
    t.ok(Number(next.headers['retry-after']) > 100)
  }
  for (const address of ['192.0.2.1', '2001:db8::1']) {
    t.equal((await login(app, { username: 'alice', from: address })).statusCode, 200, `alice herself, from ${address}`)
  }
  for (let times = 0; times < 25; times++) {
    t.equal(
      (await login(app, { username: 'alice', from: '192.0.2.1' })).statusCode,
      200,
      'successful sign-ins do not count'
    )
  }
})

t.test('100 wrong passwords for alice from one address are limited, while alice signs in from hers', async (t) => {
  const { app } = await createDemo(t)
  const login = async (given: string, remoteAddress: string) =>
    await app.inject({
      method: 'POST',
      url: '/auth/login',
      payload: { username: 'alice', password: given },
      remoteAddress
    })
  const guesses = []
  for (let guess = 0; guess < 100; guess++) guesses.push(await login(`guess ${guess}`, '198.51.100.1'))
  t.strictSame(
    guesses.map(({ statusCode }) => statusCode),
    [...Array(20).fill(401), ...Array(80).fill(429)]
  )
  for (const { headers } of guesses.slice(20)) t.match(headers['retry-after'], /^[1-9]\d{0,2}$/)
  t.equal((await login(password, '203.0.113.7')).statusCode, 200)
  t.equal((await login(password, '198.51.100.1')).statusCode, 429, 'even the right password from that address')
})

t.test('one address cannot try one password on every account', async (t) => {
  const { app } = await createInjected(t, { hashing: { hash: argon2.hash, verify: async () => false } })
  const guess = async (account: number, address: string) =>
    (await login(app, { username: `user${account}`, given: 'password1', from: address })).statusCode
  const statuses = []
  // Addresses of one /64 network count as one.
  for (let account = 0; account < 210; account++) {
    statuses.push(await guess(account, `2001:db8::${account.toString(16)}`))
  }
  t.equal(statuses.indexOf(429), 200)
  t.equal(await guess(0, '2001:db8:0:1::1'), 401, 'another /64 network counts separately')
})

t.test('X-Forwarded-For is used behind a proxy of TRUST_PROXY, otherwise ignored', async (t) => {
  for (const [env, same] of [
    [{ TRUST_PROXY: '192.0.2.1' }, false],
    [{}, true]
  ] as const) {
    const { app } = await createInjected(t, { env, hashing: { hash: argon2.hash, verify: async () => false } })
    const guess = async (address: string) =>
      (
        await app.inject({
          method: 'POST',
          url: '/auth/login',
          payload: { username: 'bob', password },
          remoteAddress: '192.0.2.1',
          headers: { 'x-forwarded-for': address }
        })
      ).statusCode
    for (let times = 0; times < 20; times++) await guess('198.51.100.1')
    t.equal(await guess('198.51.100.1'), 429)
    t.equal((await guess('198.51.100.2')) === 429, same)
  }
})

t.test('a hash with weaker parameters is replaced at the next sign-in', async (t) => {
  const {
    app,
    database: { users },
    passwords
  } = await createInjected(t)
  const passwordHash = await argon2.hash(password, { memoryCost: 8192, timeCost: 1 })
  await users.add({ name: 'bob', passwordHash })
  t.equal((await login(app, { username: 'bob' })).statusCode, 200)
  const rehashed = (await users.byName('bob'))!.passwordHash
  t.notOk(passwords.isWeak(rehashed))
  t.equal((await login(app, { username: 'bob' })).statusCode, 200)
  t.equal((await users.byName('bob'))!.passwordHash, rehashed, 'once')
})

t.test('"remember": false signs in by cookies that end with the browser, also after a refresh', async (t) => {
  const { app } = await createInjected(t)
  await register(app, 'bob')
  const cases = [
    [{}, true],
    [{ remember: true }, true],
    [{ remember: false }, false]
  ] as const
  for (const [choice, isKept] of cases) {
    const payload = { username: 'bob', password, transport: 'cookie', ...choice }
    const signedIn = await app.inject({ method: 'POST', url: '/auth/login', payload })
    const jar = createJar()
    jar.keep([signedIn.headers['set-cookie'] ?? []].flat())
    const refreshed = await app.inject({ method: 'POST', url: '/auth/refresh', headers: jar.header() })
    for (const { cookies } of [signedIn, refreshed]) {
      t.strictSame(
        cookies.map(({ name, maxAge }) => [name, maxAge !== undefined]),
        [
          ['__Host-access', isKept],
          ['__Host-refresh', isKept]
        ],
        JSON.stringify(choice)
      )
    }
  }
  const bearer = { username: 'bob', password, transport: 'bearer', remember: false }
  const signedIn = await app.inject({ method: 'POST', url: '/auth/login', payload: bearer })
  t.strictSame([signedIn.statusCode, signedIn.cookies], [200, []], 'a bearer client decides by itself')
})

t.test('a cookie sign-in from another site is refused before a password is hashed', async (t) => {
  let hashed = 0
  const { app } = await createInjected(t, { hashing: { hash: argon2.hash, verify: async () => ++hashed > 0 } })
  await register(app, 'bob')
  const payload = { username: 'bob', password, transport: 'cookie' }
  for (const headers of [{ origin: 'https://evil.example' }, { origin: 'null' }, { 'sec-fetch-site': 'same-site' }]) {
    const response = await app.inject({ method: 'POST', url: '/auth/login', headers, payload })
    t.strictSame(summaryOf(response), [403, 'AUTH_CROSS_SITE'])
    t.same(response.cookies, [])
  }
  t.equal(hashed, 0)
  const trusting = await createInjected(t, { env: { TRUSTED_ORIGINS: 'https://app.example.com' } })
  await register(trusting.app, 'bob')
  t.equal(
    (
      await trusting.app.inject({
        method: 'POST',
        url: '/auth/login',
        headers: { origin: 'https://app.example.com' },
        payload
      })
    ).statusCode,
    200
  )
})

t.test('a sign-in form of another site is refused before its body is read', async (t) => {
  const { app } = await createInjected(t)
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
    const post = async (headers: Record<string, string>) =>
      await app.inject({
        method: 'POST',
        url: '/auth/login',
        headers: { 'content-type': type, ...headers },
        payload: '{"username":"mallory","transport":"cookie","=":0}'
      })
    for (const headers of [{ origin: 'null', 'sec-fetch-site': 'cross-site' }, { origin: 'https://evil.example' }]) {
      const response = await post(headers)
      t.strictSame([response.statusCode, response.json().code, response.cookies], [403, 'AUTH_CROSS_SITE', []], type)
    }
    t.match((await post({})).statusCode, /^4(00|15)$/, `${type} of no browser is told what is wrong with it`)
  }
})
