import { readdirSync, readFileSync } from 'node:fs'
import { generateKeyPairSync } from 'node:crypto'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { Type } from '@sinclair/typebox'
import fastify from 'fastify'
import t from 'tap'
import authenticate from '../../plugin/index.ts'
import { optionDefaults, optionsShape, resolveOptions } from '../../plugin/options/options.ts'
import { trustedIssuerDefaults } from '../../plugin/options/trusted-issuers.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { issuer, secret } from '../fixtures/app.ts'
import { namedBlock } from '../fixtures/named-block.ts'
import { optionsOf } from '../fixtures/option-names.ts'
import { base, register } from '../fixtures/registration.ts'
import { loggerInto } from '../fixtures/app.ts'

const day = 86_400
t.test('resolveStore() refuses null instead of falling back to the memory store', async (t) => {
  await t.rejects(register({ ...base, store: null }), {
    message: 'Cannot register fastify-authenticate: "store" must be a SessionStore, such as postgresStore(pool)'
  })
})

t.test('in production, cookies.secure must not be false, and the default store logs a warning', async (t) => {
  const { NODE_ENV } = process.env
  t.teardown(() => {
    NODE_ENV === undefined ? delete process.env.NODE_ENV : (process.env.NODE_ENV = NODE_ENV)
  })
  process.env.NODE_ENV = 'production'
  await t.rejects(register({ ...base, cookies: { secure: false } }), {
    message: 'Cannot register fastify-authenticate: "cookies.secure" must not be false in production'
  })
  const warnings: string[] = []
  const app = () => fastify({ logger: loggerInto(warnings) })
  await app().register(authenticate, base)
  t.strictSame(warnings.splice(0), [
    'fastify-authenticate keeps sessions in memory: they end with this process, and other processes do not know ' +
      'them. Set the option "store"'
  ])
  await app().register(authenticate, { ...base, store: memoryStore() })
  t.strictSame(warnings, [], 'a memory store that was given is not warned about')
})

t.test('resolveOptions() fills in the defaults and freezes them', async (t) => {
  const { onEvent, clock, isTrustedOrigin, ...settings } = resolveOptions(base)
  t.strictSame(settings, {
    issuer,
    issuers: [issuer],
    audience: [issuer],
    acceptedAudience: [issuer],
    keysReloadSeconds: 300,
    trustedIssuers: [],
    findTrustedIssuer: null,
    accessToken: {
      lifetimeSeconds: 600,
      clockToleranceSeconds: 5,
      maxLifetimeSeconds: 86_400,
      type: 'at+jwt',
      types: ['at+jwt'],
      cacheSize: 10_000,
      claims: undefined
    },
    refreshToken: {
      idleSeconds: 14 * day,
      absoluteSeconds: 30 * day,
      maxSessions: 100,
      retrySeconds: 10,
      lateRetries: 4,
      claims: undefined,
      mayWidenScope: false
    },
    cookies: {
      access: '__Host-access',
      refresh: '__Host-refresh',
      sameSite: 'lax',
      domain: undefined,
      partitioned: false,
      renew: false,
      secure: true
    },
    revocation: { pollSeconds: 1, maxStalenessSeconds: 30, whenStale: 'accept' },
    jwks: { path: '/.well-known/jwks.json' },
    metadata: null,
    resources: [],
    protect: 'declared',
    realm: issuer
  })
  t.equal(clock, Date.now)
  t.equal(onEvent({} as never), undefined)
  t.equal(isTrustedOrigin('https://app.example.com', {} as never), false)
  for (const part of [
    settings.audience,
    settings.accessToken,
    settings.accessToken.types,
    settings.refreshToken,
    settings.cookies,
    settings.revocation,
    settings.jwks,
    settings.resources,
    resolveOptions(base)
  ]) {
    t.ok(Object.isFrozen(part))
  }
})

t.test('resolveOptions() treats an option that is undefined as absent if its default is as strict', async (t) => {
  const absent = {
    audience: undefined,
    keys: undefined,
    accessToken: {
      lifetimeSeconds: undefined,
      clockToleranceSeconds: undefined,
      maxLifetimeSeconds: undefined,
      type: undefined,
      cacheSize: undefined
    },
    refreshToken: {
      idleSeconds: undefined,
      absoluteSeconds: undefined,
      maxSessions: undefined,
      retrySeconds: undefined,
      lateRetries: undefined,
      mayWidenScope: undefined
    },
    cookies: {
      access: undefined,
      refresh: undefined,
      sameSite: undefined,
      domain: undefined,
      partitioned: undefined,
      secure: undefined,
      renew: undefined
    },
    trustedOrigins: undefined,
    revocation: { pollSeconds: undefined, maxStalenessSeconds: undefined },
    jwks: { path: undefined },
    metadata: undefined,
    resources: undefined,
    realm: undefined,
    onEvent: undefined,
    clock: undefined
  }
  const { onEvent: ours, isTrustedOrigin: _ours, ...settings } = resolveOptions({ ...base, ...absent })
  const { onEvent, isTrustedOrigin, ...defaults } = resolveOptions(base)
  t.strictSame(settings, defaults)
  await register({ ...base, ...absent, store: undefined })
})

t.test('resolveOptions() keeps every value that the application gave, and copies it', async (t) => {
  const claims = Type.Object({ roles: Type.Array(Type.String()) })
  const given = {
    issuer: 'urn:issuer',
    secret: [secret],
    audience: ['a', 'b'],
    accessToken: {
      lifetimeSeconds: 60,
      clockToleranceSeconds: 0,
      maxLifetimeSeconds: 60,
      type: ['at+jwt', 'JWT'],
      claims,
      cacheSize: 0
    },
    refreshToken: {
      idleSeconds: 71,
      absoluteSeconds: 71,
      maxSessions: 7,
      retrySeconds: 10,
      lateRetries: 0,
      claims: async () => null,
      mayWidenScope: true
    },
    cookies: { sameSite: 'none' as const, domain: 'example.com', partitioned: true },
    trustedOrigins: ['https://app.example.com', 'http://localhost:5173', 'http://[::1]:3000'],
    revocation: { pollSeconds: 3600, maxStalenessSeconds: 1, whenStale: 'refuse' as const },
    jwks: { path: '/keys' },
    protect: 'all' as const,
    realm: 'the "realm"'
  }
  const settings = resolveOptions(given)
  t.match(settings, {
    issuer: 'urn:issuer',
    audience: ['a', 'b'],
    accessToken: { lifetimeSeconds: 60, types: ['at+jwt', 'JWT'], claims, cacheSize: 0 },
    refreshToken: {
      idleSeconds: 71,
      absoluteSeconds: 71,
      maxSessions: 7,
      lateRetries: 0,
      claims: given.refreshToken.claims,
      mayWidenScope: true
    },
    cookies: {
      access: '__Secure-access',
      refresh: '__Secure-refresh',
      sameSite: 'none',
      domain: 'example.com',
      partitioned: true
    },
    revocation: { pollSeconds: 3600, whenStale: 'refuse' },
    jwks: { path: '/keys' },
    protect: 'all',
    realm: 'the "realm"'
  })
  const trusts = (origin: string) => settings.isTrustedOrigin(origin, {} as never)
  t.ok(given.trustedOrigins.every(trusts))
  given.audience.push('c')
  given.trustedOrigins.push('https://late.example')
  given.accessToken.lifetimeSeconds = 1
  t.strictSame(
    [settings.audience, trusts('https://late.example'), settings.accessToken.lifetimeSeconds],
    [['a', 'b'], false, 60],
    'later changes by the caller have no effect'
  )
  t.strictSame(
    resolveOptions({ ...base, accessToken: { type: ['at+jwt'] } }).accessToken.types,
    ['at+jwt'],
    'a list of one type'
  )
  t.match(resolveOptions({ ...base, accessToken: { type: false }, cookies: false, jwks: false }), {
    accessToken: { types: null },
    cookies: null,
    jwks: null
  })
  t.match(resolveOptions({ ...base, cookies: { secure: false } }).cookies, {
    access: 'access',
    refresh: 'refresh',
    secure: false
  })
  t.match(resolveOptions({ ...base, cookies: { secure: false, domain: 'example.com' } }).cookies, {
    access: 'access',
    refresh: 'refresh',
    domain: 'example.com'
  })
  t.match(resolveOptions({ ...base, cookies: { access: 'a', domain: 'example.com' } }).cookies, {
    access: 'a',
    refresh: '__Secure-refresh'
  })
})

t.test("revocation.maxStalenessSeconds is twice pollSeconds by default with whenStale: 'ask'", async (t) => {
  const rows = [
    [{}, 30],
    [{ whenStale: 'refuse', pollSeconds: 5 }, 30],
    [{ whenStale: 'ask' }, 2],
    [{ whenStale: 'ask', pollSeconds: 5 }, 10],
    [{ whenStale: 'ask', pollSeconds: 5, maxStalenessSeconds: 1 }, 1]
  ] as const
  for (const [revocation, expected] of rows) {
    const { maxStalenessSeconds } = resolveOptions({ ...base, revocation }).revocation
    t.equal(maxStalenessSeconds, expected, JSON.stringify(revocation))
  }
})

/** Default values by dotted names, as the tables write them. */
function literals(values: object, prefix = ''): [string, string][] {
  return Object.entries(values).flatMap(([name, value]): [string, string][] =>
    typeof value === 'object'
      ? literals(value, `${prefix}${name}.`)
      : [[`${prefix}${name}`, typeof value === 'string' ? `'${value}'` : String(value)]]
  )
}

/** The rows of all tables of options in a page: names, and what the column "default" says. */
function optionRows(page: string): [string, string][] {
  const tables = page.split(/\n\n+/).filter((part) => /^\| option \| (?:type \| )?default \|/.test(part))
  return tables.flatMap((table) =>
    table
      .trim()
      .split('\n')
      .slice(2)
      .map((line): [string, string] => {
        const [, name = '', ...cells] = line.split(/(?<!\\)\|/).map((cell) => cell.trim())
        return [name.replaceAll('`', ''), cells.at(-3) ?? '']
      })
  )
}

t.test('docs/options.md lists every option, and all tables of options agree with the defaults', async (t) => {
  const root = new URL('../../', import.meta.url)
  const read = (file: string) => readFileSync(new URL(file, root), 'utf8')
  const options = optionsOf(optionsShape)
  const names = options.map(([name]) => name)
  // The shape does not require a secret: its absence has a message of its own.
  const required = new Set(
    options.filter(([name, isRequired]) => isRequired || name === 'secret').map(([name]) => name)
  )
  const defaults = new Map([...literals(optionDefaults), ...literals(trustedIssuerDefaults, 'trustedIssuers[].')])
  const rows = optionRows(read('docs/options.md'))
  t.strictSame(rows.map(([name]) => name).sort(), [...names, 'store'].sort(), 'every option has one row')

  const pages = ['README.md', ...readdirSync(fileURLToPath(new URL('docs', root))).map((name) => `docs/${name}`)]
  for (const page of pages.filter((name) => name.endsWith('.md'))) {
    for (const [name, text] of optionRows(read(page))) {
      const literal = /^`('[^']*'|\d+|true|false)`(?: \(.*\))?$/.exec(text)?.[1]
      t.equal(literal, defaults.get(name), `${page}: the default of ${name}`)
      t.equal(text === 'required', required.has(name), `${page}: whether ${name} is required`)
    }
  }
})

t.test('docs/options.md has an example of every option, which starts the plugin', async (t) => {
  const code = namedBlock('docs/options.md', 'every option')
    .replaceAll(
      /'fastify-authenticate\/(.*)'/g,
      (_, path: string) => `'${new URL(`../../plugin/${path}.ts`, import.meta.url).href}'`
    )
    .replace('@sinclair/typebox', import.meta.resolve('@sinclair/typebox'))
  const folder = t.testdir({ 'every-option.ts': code })
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { AUTH_SECRET, AUTH_SECRET_BEFORE, PRIVATE_KEY } = process.env
  t.teardown(() => Object.assign(process.env, { AUTH_SECRET, AUTH_SECRET_BEFORE, PRIVATE_KEY }))
  process.env.AUTH_SECRET = secret
  process.env.AUTH_SECRET_BEFORE = `${secret} before`
  process.env.PRIVATE_KEY = String(privateKey.export({ format: 'pem', type: 'pkcs8' }))
  const { options } = await import(pathToFileURL(`${folder}/every-option.ts`).href)

  const given = new Set(namesIn(options))
  t.strictSame(
    optionsOf(optionsShape).filter(([name]) => !given.has(name)),
    []
  )
  t.ok(given.has('store'))
  const app = await register(options)
  await app.ready()
  await app.close()
})

/** The dotted names of options, as {@link optionsOf} writes them. */
function namesIn(value: unknown, prefix = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((entry) => namesIn(entry, prefix.replace(/\.$/, '[].')))
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, member]) => [
    `${prefix}${name}`,
    ...(name === 'store' || name === 'claims' ? [] : namesIn(member, `${prefix}${name}.`))
  ])
}

/** The options of version 0.1.0. */
const released = new Set(
  `
  issuer audience secret keys keysReloadSeconds jwks jwks.path trustedIssuers accessToken.lifetimeSeconds
  accessToken.clockToleranceSeconds accessToken.maxLifetimeSeconds accessToken.type accessToken.claims
  accessToken.cacheSize keys[].key keys[].kid keys[].alg keys[].state trustedIssuers[].issuer
  trustedIssuers[].audience trustedIssuers[].algorithms trustedIssuers[].jwksUri trustedIssuers[].jwks
  trustedIssuers[].type trustedIssuers[].maxLifetimeSeconds trustedIssuers[].map store refreshToken.idleSeconds
  refreshToken.absoluteSeconds refreshToken.retrySeconds refreshToken.lateRetries refreshToken.claims
  revocation.pollSeconds revocation.maxStalenessSeconds revocation.whenStale cookies cookies.access
  cookies.refresh cookies.sameSite cookies.domain cookies.secure cookies.renew trustedOrigins protect realm
  onEvent clock
  `
    .trim()
    .split(/\s+/)
)

t.test('a test refuses a wrong value of every option, and the changelog names every new option', async (t) => {
  const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
  const names = [...optionsOf(optionsShape).map(([name]) => name), 'store']
  const tests = ['options/shape', 'options/resources', 'tokens/trusted-issuer'].map((name) =>
    read(`test/${name}.test.ts`)
  )
  const refused = new Set(
    [...tests.join('').matchAll(/'([a-zA-Z]+(?:\.\w+)*)',/g)].map(([, name]) => name!.replace(/\.\d+(?=\.|$)/g, '[]'))
  )
  t.strictSame(
    names.filter((name) => !refused.has(name)),
    [],
    'wrong values'
  )

  const unreleased = /## Unreleased\n([^]*?)\n## /.exec(read('CHANGELOG.md'))![1]!
  const words = new Set([...unreleased.matchAll(/`([^`]+)`/g)].flatMap(([, code]) => code!.split(/[^\w$]+/)))
  const added = names.filter((name) => !released.has(name))
  // The line of a new group may stand for its members.
  const parentOf = (name: string) => name.replace(/(\[\])?\.\w+$/, '')
  const isNamed = (name: string): boolean =>
    words.has(name.split('.').at(-1)!) || (added.includes(parentOf(name)) && words.has(parentOf(name)))
  t.ok(added.length > 0)
  t.strictSame(
    added.filter((name) => !isNamed(name)),
    [],
    'the changelog'
  )
})
