import { readdirSync, readFileSync, statSync } from 'node:fs'
import { generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import * as argon2 from '@node-rs/argon2'
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import t, { type Test } from 'tap'
import { addUser } from '../../example-server/commands/add-user.ts'
import { readConfig } from '../../example-server/config/config.ts'
import type { ConfigError } from '../../example-server/config/variables.ts'
import { seedDemoUsers } from '../../example-server/demo-users.ts'
import { createInjected, spawnEntry, startServer } from '../fixtures/example-server.ts'
import { createFaultyStore, type MethodFault } from '../fixtures/fault-store.ts'

// Processes that start from TypeScript take their time on a busy machine.
t.setTimeout(120_000)

const password = 'correct horse battery staple'
const production = {
  NODE_ENV: 'production',
  AUTH_ISSUER: 'https://api.example.com',
  AUTH_SECRET: '0123456789abcdefghijklmnopqrstuv',
  TRUST_PROXY: '127.0.0.1,192.0.2.1'
}
/** What a declared proxy says of the connection to it; nobody believes it of others. */
const overTls = { 'x-forwarded-proto': 'https' }

interface Tokens {
  access_token: string
  refresh_token: string
}

/** What a browser keeps: the latest value of each cookie, and none that were cleared. */
function createJar() {
  const cookies = new Map<string, string>()
  return {
    header: () => ({ cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') }),
    keep(lines: readonly string[]) {
      for (const line of lines) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
        if (/Max-Age=0/i.test(line)) cookies.delete(name)
        else cookies.set(name, value)
      }
    },
    names: () => [...cookies.keys()].sort()
  }
}

const bearer = ({ access_token: token }: Tokens) => ({ authorization: `Bearer ${token}` })

async function post(url: string, body?: object, headers: Record<string, string> = {}) {
  return await fetch(url, {
    method: 'POST',
    headers: body ? { 'content-type': 'application/json', ...headers } : headers,
    body: body ? JSON.stringify(body) : null
  })
}

/** Signs in by `inject()`, bearer. */
async function login(app: FastifyInstance, username: string, given = password, remoteAddress = '192.0.2.1') {
  return await app.inject({
    method: 'POST',
    url: '/auth/login',
    headers: overTls,
    payload: { username, password: given },
    remoteAddress
  })
}

async function register(app: FastifyInstance, username: string): Promise<string> {
  const answer = await app.inject({ method: 'POST', url: '/auth/register', payload: { username, password } })
  return answer.json().id
}

/** An application whose session store can be told to fail where a session starts. */
async function createFaulty(t: Test, fault: MethodFault) {
  let faults = { isFaulty: false }
  const { app } = await createInjected(
    t,
    {},
    {
      between(sound) {
        const { store, state } = createFaultyStore(sound, 'insert', fault)
        faults = state
        return store
      }
    }
  )
  return { app, faults }
}

const outcome = (answer: LightMyRequestResponse) => [answer.statusCode, answer.json().code]

t.test(
  'several processes may start over one new DATA_DIR at once: they share key, secret, users and sessions, and a restart keeps everything',
  async (t) => {
    const env = { DATA_DIR: join(t.testdir(), 'made', 'by', 'the', 'server'), LOG_LEVEL: 'trace' }
    const servers = await Promise.all([startServer(t, env), startServer(t, env)])
    const [server, two] = servers
    const { url } = server
    const password = readFileSync(join(env.DATA_DIR, 'demo-password'), 'utf8')
    for (const { output } of servers) {
      t.match(output.text, `password ${password}`, 'one random password, printed by all')
    }
    for (const file of ['development-secret', 'keys/keys.json', 'demo-password']) {
      t.equal(statSync(join(env.DATA_DIR, file)).mode & 0o777, 0o600, `${file} is its owner's alone`)
    }
    t.same(
      readdirSync(env.DATA_DIR)
        .filter((name) => !name.startsWith('example.db'))
        .sort(),
      ['demo-password', 'development-secret', 'keys']
    )
    t.match(server.output.text, new RegExp(`curl .*${url}/auth/login`), 'with lines to paste')

    const signedIn = await post(`${url}/auth/login`, { username: 'alice', password })
    t.equal(signedIn.status, 200)
    t.equal(signedIn.headers.get('cache-control'), 'no-store')
    const tokens = (await signedIn.json()) as Tokens
    t.match(tokens, { token_type: 'Bearer', expires_in: 600, scope: 'notes:read notes:write' })
    t.match(await (await fetch(`${two.url}/me`, { headers: bearer(tokens) })).json(), {
      name: 'alice',
      roles: [],
      iss: 'http://localhost:3000'
    })

    const jar = createJar()
    const byCookie = await post(`${url}/auth/login`, { username: 'ALICE', password, transport: 'cookie' })
    jar.keep(byCookie.headers.getSetCookie())
    t.same(Object.keys((await byCookie.json()) as object), ['session_id', 'expires_in'], 'no token in the body')
    t.same(jar.names(), ['__Host-access', '__Host-refresh'])
    t.equal((await fetch(`${url}/me`, { headers: jar.header() })).status, 200)
    const oldCookies = jar.header()

    t.equal((await post(`${url}/notes`, { text: 'remember' }, bearer(tokens))).status, 201)
    const refreshed = (await (
      await post(`${two.url}/auth/refresh`, { refresh_token: tokens.refresh_token })
    ).json()) as Tokens
    const byCookieAgain = await post(`${url}/auth/refresh`, undefined, jar.header())
    t.equal(byCookieAgain.status, 200)
    jar.keep(byCookieAgain.headers.getSetCookie())

    const staying = (await (await post(`${url}/auth/login`, { username: 'alice', password })).json()) as Tokens
    t.equal((await post(`${url}/auth/logout`, { refresh_token: refreshed.refresh_token })).status, 204)
    t.equal((await post(`${url}/auth/logout`, undefined, jar.header())).status, 204)
    for (const headers of [bearer(tokens), bearer(refreshed), jar.header(), oldCookies]) {
      const refused = await fetch(`${url}/me`, { headers: headers as Record<string, string> })
      t.equal(refused.status, 401)
      t.match(refused.headers.get('www-authenticate'), /^Bearer realm="http:\/\/localhost:3000", error="invalid_token"/)
    }
    t.equal((await fetch(`${url}/auth/login?access_token=${staying.access_token}`)).status, 404)
    t.strictSame(await Promise.all(servers.map(({ stop }) => stop())), [0, 0], 'SIGTERM ends them gracefully')
    for (const secret of [tokens, refreshed, staying].flatMap(({ access_token: access, refresh_token: refresh }) => [
      access,
      refresh
    ])) {
      t.notOk(
        servers.some(({ output }) => output.text.includes(secret)),
        'no token is logged, not even at level trace'
      )
    }
    for (const { output } of servers) t.notMatch(output.text, /"level":(40|50|60)/)

    const { app: again } = await createInjected(t, { DATA_DIR: env.DATA_DIR })
    t.equal((await again.inject({ url: '/me', headers: bearer(staying) })).statusCode, 200, 'the session goes on')
    t.equal(
      (await again.inject({ url: '/me', headers: bearer(refreshed) })).statusCode,
      401,
      'what has ended stays ended'
    )
    t.match((await again.inject({ url: '/notes', headers: bearer(staying) })).json(), [{ text: 'remember' }])
    t.equal((await login(again, 'alice', password)).statusCode, 200, 'the user too')
    t.match((await again.inject('/.well-known/jwks.json')).json().keys, [
      { kty: 'OKP', crv: 'Ed25519' },
      { kty: 'OKP', crv: 'Ed25519' }
    ])
  }
)

t.test('a production start with something missing or weak stops with one line for each thing', async (t) => {
  const { output, exitCode } = spawnEntry(t, 'server.ts', {
    DATA_DIR: t.testdir(),
    NODE_ENV: 'production',
    COOKIE_SECURE: 'false',
    PORT: 'http'
  })
  t.equal(await exitCode(), 1)
  t.strictSame(output.text.trim().split('\n'), [
    'Cannot start: AUTH_ISSUER is required in production',
    'Cannot start: AUTH_SECRET is required in production',
    'Cannot start: COOKIE_SECURE must not be false in production',
    'Cannot start: PORT must be a whole number between 0 and 65535: received "http"'
  ])
})

t.test(
  'user:add makes users with a random password, with and without a role, and refuses what it should',
  async (t) => {
    const env = { DATA_DIR: t.testdir(), NODE_ENV: 'production' }
    const { output, exitCode } = spawnEntry(t, 'commands/add-user.ts', env, ['root', '--role', 'admin'])
    t.equal(await exitCode(), 0)
    const [, given = ''] = /^added root with the role admin, password (\S{20})$/.exec(output.text.trim()) ?? []
    const { app } = await createInjected(t, { ...production, ...env })
    const signedIn = await login(app, 'root', given)
    t.equal(signedIn.statusCode, 200)
    t.equal((await app.inject({ url: '/admin/users', headers: bearer(signedIn.json()) })).statusCode, 200)
    t.match(await addUser(['bob'], env), /^added bob, password \S{20}$/)
    const wrong: [string[], string | RegExp][] = [
      [['ROOT'], 'the username ROOT is taken'],
      [['carol', '--role', 'king'], 'the role must be one of admin: received "king"'],
      [['b b'], /^the username must be 2 to 32 letters, digits, .*: received "b b"$/],
      [[], 'Usage: npm run user:add -- NAME [--role admin]'],
      [['carol', 'password'], 'Usage: npm run user:add -- NAME [--role admin]'],
      [['carol', '--admin'], /Unknown option '--admin'/]
    ]
    for (const [args, message] of wrong) await t.rejects(addUser(args, env), { message }, args.join(' '))
    await t.rejects(addUser(['carol'], { ...env, NODE_ENV: 'live' }), {
      message: /^Cannot start: NODE_ENV must be one of/
    })
  }
)

t.test('readConfig() names every variable that is wrong, one line each, and never shows a secret', async (t) => {
  const dir = t.testdir({
    'cert.pem': 'no certificate',
    'key.pem': generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  })
  const [cert, key] = [join(dir, 'cert.pem'), join(dir, 'key.pem')]
  const rows: [Record<string, string>, RegExp][] = [
    [{ NODE_ENV: 'prodution' }, /^NODE_ENV must be one of production, development, test: received "prodution"$/],
    [{ HOST: 'not a host' }, /^HOST must be a host name or an IP address/],
    [{ PORT: '65536' }, /^PORT must be a whole number between 0 and 65535: received "65536"$/],
    [{ PORT: '-1' }, /^PORT/],
    ...['mysql://u:hush@db/x', 'postgres://u:hush@db', 'postgres://u:hu#sh@db/x', 'postgres:///hush', 'hush'].map(
      (url): [Record<string, string>, RegExp] => [
        { DATABASE_URL: url },
        /^DATABASE_URL must be a URL such as postgres:\/\/user:password@host:5432\/database, with its parts percent-encoded$/
      ]
    ),
    ...[
      'https://:hush@cache',
      'redis://:hush@cache/x',
      'redis://:hu/sh@cache',
      'redis:hush',
      'unix:hush',
      'unix://hush/x'
    ].map((url): [Record<string, string>, RegExp] => [{ REDIS_URL: url }, /^REDIS_URL must be a URL such as rediss:/]),
    [{ AUTH_ISSUER: 'api.example.com' }, /^AUTH_ISSUER must be an http/],
    [
      { AUTH_SECRET: 'hush' },
      /^AUTH_SECRET must be at least 32 random bytes, such as the output of: openssl rand -base64 32$/
    ],
    [{ AUTH_SECRET: 'x'.repeat(40) }, /^AUTH_SECRET/],
    [{ DEMO_PASSWORD: 'hush' }, /^DEMO_PASSWORD must be 8 to 256 characters$/],
    [{ ALLOW_REGISTRATION: 'yes' }, /^ALLOW_REGISTRATION must be true or false: received "yes"$/],
    [{ TRUSTED_ORIGINS: 'https://a.example, https://b.example/' }, /^TRUSTED_ORIGINS must be/],
    [{ TRUSTED_ORIGINS: '*' }, /^TRUSTED_ORIGINS/],
    [{ TRUSTED_ORIGINS: 'null' }, /^TRUSTED_ORIGINS/],
    [{ TRUST_PROXY: '1' }, /^TRUST_PROXY must be/],
    [{ TRUST_PROXY: '10.0.0.0/33' }, /^TRUST_PROXY/],
    ...[
      'true',
      '0.0.0.0/0',
      '10.0.0.1, ::/0',
      '128.0.0.0/1',
      '::ffff:0:0/96',
      '::ffff:128.0.0.0/97',
      '2000::/3',
      '0::0/0',
      '::/64'
    ].map((everyone): [Record<string, string>, RegExp] => [
      { ...production, TRUST_PROXY: everyone },
      /^TRUST_PROXY must not trust every client in production: list only .* of your proxies, such as 10\.0\.0\.0\/8$/
    ]),
    [{ COOKIE_SECURE: '0' }, /^COOKIE_SECURE must be true or false/],
    [{ ...production, COOKIE_SECURE: 'false' }, /^COOKIE_SECURE must not be false in production$/],
    [{ TLS_CERT_FILE: join(dir, 'none') }, /^TLS_CERT_FILE must be a readable file/],
    [{ TLS_CERT_FILE: cert }, /^TLS_KEY_FILE is required when TLS_CERT_FILE is set$/],
    [{ TLS_KEY_FILE: key }, /^TLS_CERT_FILE is required when TLS_KEY_FILE is set$/],
    [{ TLS_CERT_FILE: cert, TLS_KEY_FILE: key }, /^TLS_CERT_FILE and TLS_KEY_FILE must be a certificate and its key/],
    [{ ACCESS_TOKEN_SECONDS: '0' }, /^ACCESS_TOKEN_SECONDS must be a whole number between 1 and 86400/],
    [{ ACCESS_TOKEN_SECONDS: '1e2' }, /^ACCESS_TOKEN_SECONDS/],
    [{ LOG_LEVEL: 'loud' }, /^LOG_LEVEL must be one of/]
  ]
  for (const [env, line] of rows) {
    try {
      readConfig(env)
      t.fail(`${JSON.stringify(env)} was taken`)
    } catch (error) {
      const { problems } = error as ConfigError
      t.equal(problems.length, 1, JSON.stringify(env))
      t.match(problems[0], line)
      t.notMatch(problems[0], /hush/, 'the value of a secret is not shown')
    }
  }
  t.strictSame(readConfig({ PORT: '', NODE_ENV: '' }), readConfig({}), 'an empty variable is an absent one')
})

t.test('readConfig() has the documented defaults, outside production and in it', async (t) => {
  t.strictSame(
    { ...readConfig({}) },
    {
      production: false,
      dataDir: './data',
      databaseUrl: null,
      redisUrl: null,
      host: '127.0.0.1',
      port: 3000,
      tls: null,
      trustProxy: false,
      issuer: 'http://localhost:3000',
      secret: null,
      accessTokenSeconds: 600,
      retrySeconds: 10,
      cookieSecure: true,
      trustedOrigins: [],
      allowRegistration: true,
      demoPassword: null,
      metrics: true,
      logLevel: 'info',
      probeLogLevel: 'warn'
    }
  )
  for (const own of ['10.0.0.0/8', 'fc00::/7', '::ffff:10.0.0.0/104', 'loopback', '203.0.113.7', 'false']) {
    t.doesNotThrow(() => readConfig({ ...production, TRUST_PROXY: own }), own)
  }
  t.match(readConfig({ TRUST_PROXY: 'true' }), { trustProxy: true })
  t.match(readConfig(production), { production: true, allowRegistration: false, cookieSecure: true })
  t.match(
    readConfig({
      TRUST_PROXY: '10.0.0.1, fd00::/8, loopback',
      TRUSTED_ORIGINS: 'https://a.example,http://localhost:8080'
    }),
    {
      trustProxy: ['10.0.0.1', 'fd00::/8', 'loopback'],
      trustedOrigins: ['https://a.example', 'http://localhost:8080']
    }
  )
  for (const [seconds, retry] of [
    [1, 0],
    [3, 1],
    [4, 2],
    [19, 9],
    [86400, 10]
  ]) {
    t.equal(
      readConfig({ ACCESS_TOKEN_SECONDS: String(seconds) }).retrySeconds,
      retry,
      "at most half of an access token's life"
    )
  }
})

t.test(
  'in production there are no demo users, not even over a folder that had them, and registration is closed',
  async (t) => {
    const dir = t.testdir()
    const {
      config,
      database,
      passwords,
      app: before
    } = await createInjected(t, { DATA_DIR: dir, DEMO_PASSWORD: password })
    await seedDemoUsers({ config, users: database.users, passwords })
    t.equal((await login(before, 'admin')).statusCode, 200)

    const { app } = await createInjected(t, { ...production, DATA_DIR: dir, DEMO_PASSWORD: password })
    t.strictSame(outcome(await login(app, 'admin')), [401, 'LOGIN_FAILED'])
    t.strictSame(
      outcome(
        await app.inject({
          method: 'POST',
          url: '/auth/register',
          headers: overTls,
          payload: { username: 'bob', password }
        })
      ),
      [403, 'REGISTRATION_CLOSED']
    )
    t.equal((await app.inject('/.well-known/jwks.json')).statusCode, 404, 'HS256: there is no public key')
    t.match((await app.inject('/health/live')).headers, { 'strict-transport-security': /max-age=31536000/ })
  }
)

t.test('seedDemoUsers() leaves a changed password alone, until another DEMO_PASSWORD is configured', async (t) => {
  const {
    app,
    config,
    database: { users },
    passwords
  } = await createInjected(t, { DEMO_PASSWORD: password })
  await seedDemoUsers({ config, users, passwords })
  const alice = (await users.byName('alice'))!
  await users.replacePasswordHash(alice.id, { from: alice.passwordHash, to: await passwords.hash('changed by alice') })
  t.equal(
    await seedDemoUsers({ config: { ...config, demoPassword: null }, users, passwords }),
    password,
    'the one that is kept'
  )
  t.equal((await login(app, 'alice', 'changed by alice')).statusCode, 200)
  await seedDemoUsers({ config: { ...config, demoPassword: 'another one' }, users, passwords })
  t.equal((await login(app, 'alice', 'another one')).statusCode, 200)
  t.equal((await login(app, 'admin', 'another one')).statusCode, 200)
})

t.test('a body that is not as described is refused before anything is hashed, and never coerced', async (t) => {
  let hashed = 0
  const { app } = await createInjected(
    t,
    {},
    {
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
    }
  )
  await register(app, 'bob')
  const { access_token: token } = (await login(app, 'bob')).json()
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
    ['/auth/login', { username: 'b'.repeat(65), password }],
    ['/auth/login', { username: 'bob' }],
    ['/auth/login', { username: 'bob', password, transport: 'pigeon' }],
    ['/auth/login', { username: 'bob', password, admin: true }],
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
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
    const answer = await app.inject({
      method: 'POST',
      url,
      headers,
      payload: typeof payload === 'string' ? payload : JSON.stringify(payload)
    })
    t.strictSame(outcome(answer), [400, 'FST_ERR_VALIDATION'], `${url} ${JSON.stringify(payload).slice(0, 80)}`)
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
    const answer = await app.inject({ method: 'POST', url: '/auth/login', headers: { 'content-type': type }, payload })
    t.equal(answer.statusCode, status, `${type} ${payload.slice(0, 40)}`)
    t.same(answer.cookies, [])
  }
  t.equal(hashed, before)
})

t.test('a username can be taken once, whatever the case of its letters, also by two at the same time', async (t) => {
  const { app } = await createInjected(t)
  const take = async (username: string) =>
    await app.inject({ method: 'POST', url: '/auth/register', payload: { username, password } })
  const first = await take('Dave')
  t.equal(first.statusCode, 201)
  t.match(first.json(), { id: /^[\da-f-]{36}$/, username: 'Dave', roles: [] })
  t.notMatch(first.body, /hash|argon/)
  t.strictSame(outcome(await take('dAVE')), [409, 'USERNAME_TAKEN'])
  const race = await Promise.all([take('erin'), take('ERIN'), take('Erin')])
  t.strictSame(race.map(({ statusCode }) => statusCode).sort(), [201, 409, 409])
})

t.test('an unknown user costs the same work as a wrong password, and is answered alike', async (t) => {
  const work: string[] = []
  const { app } = await createInjected(
    t,
    {},
    {
      hashing: {
        hash: argon2.hash,
        async verify(hash, ...rest) {
          const { algorithm, memoryCost, timeCost, parallelism } = argon2.parseOptions(hash)
          work.push([algorithm, memoryCost, timeCost, parallelism].join())
          return await argon2.verify(hash, ...rest)
        }
      }
    }
  )
  await register(app, 'bob')
  const [wrong, unknown, odd] = [
    await login(app, 'bob', 'wrong'),
    await login(app, 'nobody', 'wrong'),
    await login(app, "' OR 1=1", 'wrong')
  ]
  t.strictSame(work, ['2,19456,2,1', '2,19456,2,1', '2,19456,2,1'], 'argon2id, 19 MiB, two passes, one lane')
  t.strictSame(outcome(wrong), [401, 'LOGIN_FAILED'])
  t.match(wrong.headers, { 'www-authenticate': 'Bearer realm="http://localhost:3000"' })
  for (const answer of [unknown, odd]) {
    t.equal(answer.body, wrong.body)
    t.strictSame(Object.keys(answer.headers).sort(), Object.keys(wrong.headers).sort())
  }
})

t.test(
  'guessing is slowed with Retry-After, for unknown users alike, and nobody is locked out from elsewhere',
  async (t) => {
    const { app } = await createInjected(t)
    await register(app, 'alice')
    for (const username of ['alice', 'nobody']) {
      const guesses = await Promise.all(
        Array.from({ length: 100 }, async (_, guess) => await login(app, username, `guess ${guess}`, '192.0.2.66'))
      )
      t.equal(
        guesses.filter(({ statusCode }) => statusCode === 401).length,
        20,
        'a burst of guesses gets no more of them than a patient one'
      )
      const refused = guesses.filter(({ statusCode }) => statusCode === 429)
      t.equal(refused.length, 80)
      t.ok(refused.every(({ headers }) => Number(headers['retry-after']) >= 1))
      const next = await login(app, username.toUpperCase(), password, '192.0.2.66')
      t.strictSame(outcome(next), [429, 'TOO_MANY_ATTEMPTS'], 'not even the right password, nor another spelling')
      t.ok(Number(next.headers['retry-after']) > 290)
    }
    for (const address of ['192.0.2.1', '2001:db8::1']) {
      t.equal((await login(app, 'alice', password, address)).statusCode, 200, `alice herself, from ${address}`)
    }
    for (let times = 0; times < 25; times++) {
      t.equal((await login(app, 'alice', password, '192.0.2.1')).statusCode, 200, 'success does not count')
    }
  }
)

t.test('one address cannot try one password on every account', async (t) => {
  const { app } = await createInjected(t, {}, { hashing: { hash: argon2.hash, verify: async () => false } })
  const guess = async (account: number, address: string) =>
    (await login(app, `user${account}`, 'password1', address)).statusCode
  const statuses = []
  // Of one IPv6 network, which is what one customer has.
  for (let account = 0; account < 210; account++) {
    statuses.push(await guess(account, `2001:db8::${account.toString(16)}`))
  }
  t.equal(statuses.indexOf(429), 200)
  t.equal(await guess(0, '2001:db8:0:1::1'), 401, 'the next network is another address')
})

t.test('too many that wait for a hash are told to come back, and the others are served', async (t) => {
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  let most = 0
  let running = 0
  const { app } = await createInjected(
    t,
    {},
    {
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
    }
  )
  const early: LightMyRequestResponse[] = []
  let answers: Promise<LightMyRequestResponse>[] = []
  await new Promise<void>((resolve) => {
    answers = Array.from({ length: 8 }, async (_, user) => {
      const answer = await login(app, `user${user}`)
      if (early.push(answer) === 3) resolve()
      return answer
    })
  })
  for (const answer of early) {
    t.strictSame(outcome(answer), [503, 'BUSY'])
    t.equal(answer.headers['retry-after'], '2')
  }
  release()
  const statuses = (await Promise.all(answers)).map(({ statusCode }) => statusCode)
  t.strictSame(statuses.sort(), [401, 401, 401, 401, 401, 503, 503, 503])
  t.equal(most, 2)
})

t.test(
  'one address with 11 accounts and right passwords keeps nobody else waiting: it has a share of the queue, and turns',
  async (t) => {
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const served: string[] = []
    const { app, passwords } = await createInjected(
      t,
      {},
      {
        concurrency: 1,
        hashing: {
          hash: async () => 'none',
          async verify(_hash, given) {
            await held
            served.push(String(given).split(' ', 1)[0]!)
            return true
          }
        }
      }
    )
    const waiting = async (count: number) => {
      while (passwords.load().waiting < count) await setImmediate()
    }
    const flood = Array.from(
      { length: 220 },
      async (_, index) => await login(app, `user${index % 11}`, 'mallory of 192.0.2.66', '192.0.2.66')
    )
    const site = Array.from(
      { length: 60 },
      async (_, index) => await login(app, `user${index}`, 'oscar of a site', `2001:db8:7:${index}::1`)
    )
    await waiting(60)
    const others = (
      [
        ['alice', '192.0.2.1'],
        ['bob', '192.0.2.2'],
        ['carol', '2001:db8:8::1']
      ] as const
    ).map(async ([name, address]) => await login(app, name, `${name} herself`, address))
    await waiting(63)
    release()
    await Promise.all(others)
    t.strictSame(
      served.slice(0, 6),
      ['mallory', 'mallory', 'oscar', 'alice', 'bob', 'carol'],
      'one of each in turn, behind the one that was there first'
    )
    const outcomes = (await Promise.all([...flood, ...site])).map(({ statusCode }) => statusCode)
    t.equal(
      outcomes.slice(0, 220).filter((status) => status === 503).length,
      220 - 21,
      'one runs and 20 wait of an address'
    )
    t.equal(outcomes.slice(220).filter((status) => status === 503).length, 60 - 40, '40 wait of a site')
    t.strictSame(served.slice(6, 10), ['mallory', 'oscar', 'mallory', 'oscar'])
  }
)

t.test('a hash that was made with weaker parameters is replaced at the next sign-in', async (t) => {
  const {
    app,
    database: { users },
    passwords
  } = await createInjected(t)
  const passwordHash = await argon2.hash(password, { memoryCost: 8192, timeCost: 1 })
  await users.add({ name: 'bob', passwordHash })
  t.equal((await login(app, 'bob')).statusCode, 200)
  const rehashed = (await users.byName('bob'))!.passwordHash
  t.notOk(passwords.isWeak(rehashed))
  t.equal((await login(app, 'bob')).statusCode, 200)
  t.equal((await users.byName('bob'))!.passwordHash, rehashed, 'once')
})

t.test('a cookie sign-in from another site is refused before a password is hashed', async (t) => {
  let hashed = 0
  const { app } = await createInjected(t, {}, { hashing: { hash: argon2.hash, verify: async () => ++hashed > 0 } })
  await register(app, 'bob')
  const payload = { username: 'bob', password, transport: 'cookie' }
  for (const headers of [{ origin: 'https://evil.example' }, { origin: 'null' }, { 'sec-fetch-site': 'same-site' }]) {
    const answer = await app.inject({ method: 'POST', url: '/auth/login', headers, payload })
    t.strictSame(outcome(answer), [403, 'AUTH_CROSS_SITE'])
    t.same(answer.cookies, [])
  }
  t.equal(hashed, 0)
  const trusting = await createInjected(t, { TRUSTED_ORIGINS: 'https://app.example.com' })
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

const changePassword = async (
  app: FastifyInstance,
  headers: Record<string, string>,
  current: string,
  next = 'a new password'
) =>
  await app.inject({
    method: 'POST',
    url: '/auth/password',
    headers,
    payload: { current_password: current, new_password: next }
  })
const statusOf = async (app: FastifyInstance, headers: Record<string, string>) =>
  (await app.inject({ url: '/me', headers })).statusCode
const refresh = async (app: FastifyInstance, token: string) =>
  await app.inject({ method: 'POST', url: '/auth/refresh', payload: { refresh_token: token } })

t.test(
  "changing the password needs the current one, starts a new session and ends every other, copies of the caller's too",
  async (t) => {
    const { app } = await createInjected(t)
    await register(app, 'bob')
    const [here, elsewhere]: Tokens[] = [(await login(app, 'bob')).json(), (await login(app, 'bob')).json()]
    t.strictSame(outcome(await changePassword(app, bearer(here!), 'wrong')), [403, 'PASSWORD_WRONG'])
    t.strictSame([await statusOf(app, bearer(here!)), await statusOf(app, bearer(elsewhere!))], [200, 200])
    const changed = await changePassword(app, bearer(here!), password)
    t.equal(changed.statusCode, 200)
    t.equal(changed.headers['cache-control'], 'no-store')
    t.match(changed.json(), {
      access_token: /^eyJ/,
      token_type: 'Bearer',
      expires_in: 600,
      refresh_token: /^rt1\./,
      scope: 'notes:read notes:write'
    })
    t.same(changed.cookies, [])
    for (const tokens of [here!, elsewhere!]) {
      t.equal(await statusOf(app, bearer(tokens)), 401)
      t.strictSame(outcome(await refresh(app, tokens.refresh_token)), [401, 'AUTH_REFRESH_INVALID'])
    }
    const now: Tokens = changed.json()
    t.equal(await statusOf(app, bearer(now)), 200)
    t.equal((await refresh(app, now.refresh_token)).statusCode, 200)
    t.equal((await app.inject({ url: '/auth/sessions', headers: bearer(now) })).json().length, 1)
    t.equal((await login(app, 'bob')).statusCode, 401, 'the old password is of no use')
    t.equal((await login(app, 'bob', 'a new password')).statusCode, 200)
    t.equal(
      (
        await app.inject({
          method: 'POST',
          url: '/auth/password',
          payload: { current_password: password, new_password: password }
        })
      ).statusCode,
      401
    )
  }
)

t.test(
  'a browser that changes the password gets both cookies anew, and a copy of the old ones is of no use',
  async (t) => {
    const { app } = await createInjected(t)
    await register(app, 'bob')
    const [jar, copy] = [createJar(), createJar()]
    const signedIn = await app.inject({
      method: 'POST',
      url: '/auth/login',
      payload: { username: 'bob', password, transport: 'cookie' }
    })
    const lines = [signedIn.headers['set-cookie'] ?? []].flat()
    for (const { keep } of [jar, copy]) keep(lines)
    const forged = await changePassword(app, { ...jar.header(), origin: 'https://evil.example' }, password)
    t.strictSame(outcome(forged), [403, 'AUTH_CROSS_SITE'])
    const changed = await changePassword(app, jar.header(), password)
    t.equal(changed.statusCode, 200)
    t.strictSame(Object.keys(changed.json()), ['session_id', 'expires_in'], 'no token in the body')
    t.strictSame(changed.cookies.map(({ name }) => name).sort(), ['__Host-access', '__Host-refresh'])
    jar.keep([changed.headers['set-cookie'] ?? []].flat())
    t.strictSame([await statusOf(app, jar.header()), await statusOf(app, copy.header())], [200, 401])
    t.equal((await app.inject({ method: 'POST', url: '/auth/refresh', headers: copy.header() })).statusCode, 401)
    t.equal((await app.inject({ method: 'POST', url: '/auth/refresh', headers: jar.header() })).statusCode, 200)
  }
)

t.test(
  'a password change that fails after the hash was replaced is 503, and the same request again goes on from there',
  async (t) => {
    const { app, faults } = await createFaulty(t, 'throws')
    await register(app, 'bob')
    const [here, thief]: Tokens[] = [(await login(app, 'bob')).json(), (await login(app, 'bob')).json()]
    faults.isFaulty = true
    const failed = await changePassword(app, bearer(here!), password)
    t.strictSame(
      [...outcome(failed), failed.headers['retry-after'] !== undefined],
      [503, 'AUTH_STORE_UNAVAILABLE', true]
    )
    faults.isFaulty = false
    t.equal(await statusOf(app, bearer(thief!)), 200, 'nothing has ended yet')
    t.strictSame(
      outcome(await changePassword(app, bearer(here!), password, 'another new password')),
      [403, 'PASSWORD_WRONG'],
      'only the same one'
    )
    const again = await changePassword(app, bearer(here!), password)
    t.equal(again.statusCode, 200)
    t.equal(await statusOf(app, bearer(again.json())), 200)
    for (const tokens of [here!, thief!]) {
      t.equal(await statusOf(app, bearer(tokens)), 401)
      t.strictSame(outcome(await refresh(app, tokens.refresh_token)), [401, 'AUTH_REFRESH_INVALID'])
    }
    t.equal((await login(app, 'bob', 'a new password')).statusCode, 200)
  }
)

t.test(
  'after a password change whose response was lost, every old session is dead and the new password signs in',
  async (t) => {
    const { app, faults } = await createFaulty(t, 'succeeds, then throws')
    await register(app, 'bob')
    const [here, thief]: Tokens[] = [(await login(app, 'bob')).json(), (await login(app, 'bob')).json()]
    faults.isFaulty = true
    t.strictSame(outcome(await changePassword(app, bearer(here!), password)), [503, 'AUTH_STORE_UNAVAILABLE'])
    faults.isFaulty = false
    for (const tokens of [here!, thief!]) {
      t.strictSame(outcome(await refresh(app, tokens.refresh_token)), [401, 'AUTH_REFRESH_INVALID'])
    }
    t.equal((await login(app, 'bob')).statusCode, 401)
    const back = await login(app, 'bob', 'a new password')
    t.equal(back.statusCode, 200)
    t.equal(await statusOf(app, bearer(back.json())), 200)
  }
)

t.test(
  'of two password changes at the same time one wins, and the other is told that its current password is wrong',
  async (t) => {
    const { app } = await createInjected(t)
    await register(app, 'bob')
    const [one, two]: Tokens[] = [(await login(app, 'bob')).json(), (await login(app, 'bob')).json()]
    const chosen = ['the first new one', 'the second new one']
    const changes = await Promise.all([
      changePassword(app, bearer(one!), password, chosen[0]),
      changePassword(app, bearer(two!), password, chosen[1])
    ])
    t.strictSame(changes.map(({ statusCode }) => statusCode).sort(), [200, 403])
    const [winner, loser] = changes[0]!.statusCode === 200 ? ([0, 1] as const) : ([1, 0] as const)
    t.strictSame(outcome(changes[loser]!), [403, 'PASSWORD_WRONG'])
    t.equal(await statusOf(app, bearer(changes[winner]!.json())), 200)
    t.equal((await login(app, 'bob', chosen[winner])).statusCode, 200)
    t.equal((await login(app, 'bob', chosen[loser])).statusCode, 401)
  }
)

t.test(
  'guessing by the password change is slowed as at sign-in, whichever of the two passwords is guessed with',
  async (t) => {
    for (const [current, next] of [
      [(guess: number) => `a guess ${guess}`, () => 'a new password'],
      [() => 'not the password', (guess: number) => `a guess ${guess}`],
      [(guess: number) => `one guess ${guess}`, (guess: number) => `another guess ${guess}`]
    ] as const) {
      const { app } = await createInjected(t)
      await register(app, 'bob')
      const here: Tokens = (await login(app, 'bob')).json()
      const codes = []
      for (let guess = 0; guess < 12; guess++) {
        codes.push((await changePassword(app, bearer(here), current(guess), next(guess))).json().code)
      }
      t.strictSame(
        codes,
        [...Array(10).fill('PASSWORD_WRONG'), ...Array(2).fill('TOO_MANY_ATTEMPTS')],
        '20 guesses, two in each request'
      )
      t.strictSame(
        outcome(await changePassword(app, bearer(here), password)),
        [429, 'TOO_MANY_ATTEMPTS'],
        'not even the right one'
      )
    }
  }
)

t.test('a password change during a sign-in with the old one ends that too', async (t) => {
  let pause = async () => {}
  const { app } = await createInjected(
    t,
    {},
    {
      concurrency: 4,
      hashing: {
        hash: argon2.hash,
        verify: async (...args) => {
          await pause()
          return await argon2.verify(...args)
        }
      }
    }
  )
  await register(app, 'bob')
  const here = (await login(app, 'bob')).json()
  let release = () => {}
  const reached = new Promise<void>((resolve) => {
    pause = async () => {
      pause = async () => {}
      resolve()
      await new Promise<void>((_resolve) => {
        release = _resolve
      })
    }
  })
  const slow = login(app, 'bob')
  await reached
  const payload = { current_password: password, new_password: 'a new password' }
  t.equal((await app.inject({ method: 'POST', url: '/auth/password', headers: bearer(here), payload })).statusCode, 200)
  release()
  t.strictSame(outcome(await slow), [401, 'AUTH_REVOKED_TOKEN'])
})

t.test("everyone sees and ends their own sessions, and nobody else's", async (t) => {
  const { app } = await createInjected(t)
  await register(app, 'bob')
  await register(app, 'carol')
  const device = 'Browser '.repeat(40)
  const first = (
    await app.inject({
      method: 'POST',
      url: '/auth/login',
      headers: { 'user-agent': device },
      payload: { username: 'bob', password }
    })
  ).json()
  const [second, third, carols] = [
    (await login(app, 'bob')).json(),
    (await login(app, 'bob')).json(),
    (await login(app, 'carol')).json()
  ]
  const list = async (tokens: Tokens) => (await app.inject({ url: '/auth/sessions', headers: bearer(tokens) })).json()
  const end = async (tokens: Tokens, id = '') =>
    await app.inject({ method: 'DELETE', url: `/auth/sessions${id && `/${id}`}`, headers: bearer(tokens) })

  const bobs = await list(second)
  t.strictSame(
    bobs.map(({ current }: { current: boolean }) => current),
    [false, true, false]
  )
  t.equal(bobs[0].device, device.slice(0, 200))
  t.strictSame(Object.keys(bobs[0]).sort(), ['createdAt', 'current', 'device', 'expiresAt', 'id', 'lastUsedAt'])
  t.ok(Math.abs(Date.parse(bobs[0].createdAt) - Date.now()) < 60_000)

  for (const id of [(await list(carols))[0].id, 'none', 'x'.repeat(64)]) {
    t.strictSame(outcome(await end(second, id)), [404, 'NOT_FOUND'])
  }
  t.equal((await list(carols)).length, 1)
  t.equal((await end(second, bobs[0].id)).statusCode, 204)
  t.equal((await app.inject({ url: '/me', headers: bearer(first) })).statusCode, 401)
  t.equal((await end(second)).statusCode, 204)
  t.equal((await app.inject({ url: '/me', headers: bearer(third) })).statusCode, 401)
  t.strictSame(
    (await list(second)).map(({ id }: { id: string }) => id),
    [bobs[1].id]
  )
})

t.test("notes are their owner's alone, and there is an end to them", async (t) => {
  const { app, database } = await createInjected(t)
  const bobId = await register(app, 'bob')
  const carolId = await register(app, 'carol')
  const [bob, carol] = [(await login(app, 'bob')).json(), (await login(app, 'carol')).json()]
  const write = async (tokens: Tokens, text: string) =>
    await app.inject({ method: 'POST', url: '/notes', headers: bearer(tokens), payload: { text } })
  const remove = async (tokens: Tokens, id: string) =>
    await app.inject({ method: 'DELETE', url: `/notes/${id}`, headers: bearer(tokens) })
  const list = async (tokens: Tokens) => (await app.inject({ url: '/notes', headers: bearer(tokens) })).json()

  const note = (await write(bob, 'Grüße ✓')).json()
  t.match(note, { id: /^[\da-f-]{36}$/, text: 'Grüße ✓', createdAt: /^\d{4}-/ })
  t.strictSame(await list(bob), [note])
  t.strictSame(await list(carol), [])
  t.strictSame(outcome(await remove(carol, note.id)), [404, 'NOT_FOUND'])
  t.equal((await remove(bob, note.id)).statusCode, 204)
  t.strictSame(outcome(await remove(bob, note.id)), [404, 'NOT_FOUND'])
  const unscoped = await app.accessTokens.sign({ sub: bobId, scope: 'notes:read', claims: { name: 'bob', roles: [] } })
  t.strictSame(outcome(await write({ access_token: unscoped, refresh_token: '' }, 'x')), [
    403,
    'AUTH_INSUFFICIENT_SCOPE'
  ])

  for (let count = 0; count < 1000; count++) await database.notes.add(bobId, 'x')
  t.strictSame(outcome(await write(bob, 'one more')), [409, 'NOTES_FULL'])
  for (let count = 0; count < 99; count++) await database.notes.add(carolId, 'x'.repeat(10_000))
  t.equal((await write(carol, 'x'.repeat(9_990))).statusCode, 201)
  t.strictSame(outcome(await write(carol, '11 chars !!')), [409, 'NOTES_FULL'], 'a million characters in all')
  t.equal((await write(carol, '10 chars !')).statusCode, 201)
})

t.test('admins, and only they, list the users and sign them out', async (t) => {
  const {
    app,
    config,
    database: { users },
    passwords
  } = await createInjected(t, { DEMO_PASSWORD: password })
  await seedDemoUsers({ config, users, passwords })
  const [alice, admin] = [(await login(app, 'alice')).json(), (await login(app, 'admin')).json()]
  const list = async (headers = {}) => await app.inject({ url: '/admin/users', headers })
  const signOut = async (tokens: Tokens, id: string) =>
    await app.inject({ method: 'POST', url: `/admin/users/${id}/sign-out`, headers: bearer(tokens) })
  const { id } = (await users.byName('alice'))!

  t.strictSame(outcome(await list()), [401, 'AUTH_NO_CREDENTIALS'])
  t.strictSame(outcome(await list(bearer(alice))), [403, 'AUTH_INSUFFICIENT_ROLE'])
  t.strictSame(outcome(await signOut(alice, id)), [403, 'AUTH_INSUFFICIENT_ROLE'])
  const listed = await list(bearer(admin))
  t.match(listed.json(), [
    { username: 'admin', roles: ['admin'] },
    { username: 'alice', roles: [], id }
  ])
  t.notMatch(listed.body, /argon2/)
  t.strictSame(outcome(await signOut(admin, 'nobody')), [404, 'NOT_FOUND'])
  t.equal((await signOut(admin, id)).statusCode, 204)
  t.equal((await app.inject({ url: '/me', headers: bearer(alice) })).statusCode, 401)
})

t.test('roles and scopes are read again at every refresh, and a deleted user is signed out by it', async (t) => {
  const { app, database } = await createInjected(t)
  const id = await register(app, 'bob')
  const tokens = (await login(app, 'bob')).json()
  const refresh = async () =>
    await app.inject({ method: 'POST', url: '/auth/refresh', payload: { refresh_token: tokens.refresh_token } })
  const { byId } = database.users
  const users = database.users as { byId: typeof byId }
  users.byId = async (sub) => ({ ...(await byId(sub))!, roles: ['admin'], scope: 'notes:read admin:all' })
  const changed = (await refresh()).json()
  t.match((await app.inject({ url: '/me', headers: bearer(changed) })).json(), {
    sub: id,
    roles: ['admin'],
    scope: 'notes:read'
  })
  users.byId = async () => null
  t.strictSame(outcome(await refresh()), [401, 'AUTH_REFRESH_INVALID'])
  t.equal((await app.inject({ url: '/me', headers: bearer(changed) })).statusCode, 401)
})

t.test(
  'the OpenAPI document shows the security of every protected route, and a schema of every body and answer',
  async (t) => {
    const { app } = await createInjected(t)
    const protectedRoutes = new Set([
      'post /auth/password',
      'get /auth/sessions',
      'delete /auth/sessions/{id}',
      'delete /auth/sessions',
      'get /me',
      'get /notes',
      'post /notes',
      'delete /notes/{id}',
      'get /admin/users',
      'post /admin/users/{id}/sign-out'
    ])
    const bodies = new Set([
      'post /auth/register',
      'post /auth/login',
      'post /auth/refresh',
      'post /auth/logout',
      'post /auth/password',
      'post /notes'
    ])
    const document = (await app.inject('/docs/json')).json()
    t.match(document.components.securitySchemes, {
      bearerAuth: { scheme: 'bearer' },
      cookieAuth: { in: 'cookie', name: '__Host-access' }
    })
    const seen: string[] = []
    for (const [path, methods] of Object.entries<Record<string, any>>(document.paths)) {
      for (const [method, route] of Object.entries(methods)) {
        const name = `${method} ${path}`
        seen.push(name)
        t.ok(route.summary, name)
        t.strictSame(
          route.security,
          protectedRoutes.has(name) ? [{ bearerAuth: [] }, { cookieAuth: [] }] : undefined,
          `security of ${name}`
        )
        t.equal(
          route.requestBody?.content['application/json'].schema !== undefined,
          bodies.has(name),
          `body of ${name}`
        )
        const statuses = Object.keys(route.responses)
        t.ok(
          statuses.some((status) => /^20\d$/.test(status)),
          `${name} says what success is`
        )
        if (protectedRoutes.has(name)) {
          t.ok(statuses.includes('401') && statuses.includes('403'), `${name} says how it refuses`)
        }
        if (path.includes('{id}')) t.ok(statuses.includes('400'), `${name} says that an id can be malformed`)
        for (const [status, answer] of Object.entries<any>(route.responses)) {
          t.notMatch(answer.description, /^Default Response$/, `${name} ${status} is described`)
          if (status !== '204') {
            t.ok(
              answer.content['application/json'].schema.type ?? answer.content['application/json'].schema.anyOf,
              `${name} ${status} has a schema`
            )
          }
        }
      }
    }
    t.equal(seen.length, 16)
    t.strictSame(
      [...protectedRoutes, ...bodies].filter((name) => !seen.includes(name)),
      []
    )
  }
)

t.test('/docs is served under the same policy as everything else', async (t) => {
  const { app } = await createInjected(t)
  const [page, me] = [await app.inject('/docs'), await app.inject('/me')]
  t.equal(page.statusCode, 200)
  t.match(page.headers['content-type'], 'text/html')
  t.notMatch(page.body, /<script>|<style>| style=/, 'nothing inline')
  t.match(page.headers['content-security-policy'], "default-src 'none'")
  t.equal(page.headers['content-security-policy'], me.headers['content-security-policy'])
  t.match(me.headers, { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' })
  t.notOk(me.headers['strict-transport-security'], 'not outside production')
})

t.test('the probes tell a process that lives from one whose database answers', async (t) => {
  const { app, database } = await createInjected(t)
  t.strictSame((await app.inject('/health/live')).json(), { status: 'ok' })
  t.strictSame((await app.inject('/health/ready')).json(), { status: 'ok' })
  for (const ping of [
    async () => {
      throw new Error('disk I/O error')
    },
    async () => await new Promise<void>(() => {})
  ]) {
    Object.assign(database, { ping })
    const answer = await app.inject('/health/ready')
    t.strictSame(outcome(answer), [503, 'NOT_READY'])
    t.ok(answer.headers['retry-after'])
    t.equal((await app.inject('/health/live')).statusCode, 200)
  }
})

t.test('a fault of the server is 500 without its words, and a wrong address is repeated nowhere', async (t) => {
  const { app, database } = await createInjected(t)
  await register(app, 'bob')
  Object.assign(database.users, {
    byName: async () => {
      throw new Error('SQLITE_CORRUPT in /srv/data')
    }
  })
  const answer = await login(app, 'bob')
  t.equal(answer.statusCode, 500)
  t.notMatch(answer.body, /SQLITE|srv/)
  const missing = await app.inject('/nowhere?access_token=secret')
  t.strictSame(outcome(missing), [404, 'NOT_FOUND'])
  t.notMatch(missing.body, /secret/)
})

t.test("behind a declared proxy the address is the client's, else X-Forwarded-For is ignored", async (t) => {
  for (const [env, same] of [
    [{ TRUST_PROXY: '192.0.2.1' }, false],
    [{}, true]
  ] as const) {
    const { app } = await createInjected(t, env, { hashing: { hash: argon2.hash, verify: async () => false } })
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
