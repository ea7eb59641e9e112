import t, { type Test } from 'tap'
import type { TrustedIssuerOption } from '../../plugin/index.ts'
import { createApp, issuer } from '../fixtures/app.ts'
import { audience, createVerifier, makeKey, startIssuer, text, tokenOf } from '../fixtures/issuer.ts'
import { now } from '../fixtures/tokens.ts'

const rsa = makeKey('RS256', 'rsa')
const ec = makeKey('ES256', 'ec')
const minute = 60
const day = 86_400

/** The option of a tenant whose keys are in the option itself. */
function tenant(url: string, more: Partial<TrustedIssuerOption> = {}): TrustedIssuerOption {
  return {
    issuer: url,
    audience,
    algorithms: ['ES256'],
    jwks: { keys: [ec.jwk] },
    maxLifetimeSeconds: 3 * day,
    ...more
  }
}

const [header, , signature] = tokenOf('https://any.example.com', ec).split('.')

/** A token with the signature of another one, because many are needed. */
function unsigned(iss: string): string {
  return `${header}.${Buffer.from(JSON.stringify({ iss })).toString('base64url')}.${signature}`
}

const url = (name: string | number) => `https://${name}.example.com`

type Known = Map<string, unknown>

/** A verifier of an application whose tenants are in a map, with the issuers that it was called with. */
async function createTenants(known: Known = new Map([[url('one'), tenant(url('one'))]])) {
  const asked: string[] = []
  let respond = async (issuer: string): Promise<unknown> => known.get(issuer) ?? null
  const verifier = await createVerifier(async (issuer) => {
    asked.push(issuer)
    return (await respond(issuer)) as TrustedIssuerOption | null
  })
  let jti = 0
  return {
    ...verifier,
    known,
    /** The issuers since the last call. */
    asked: () => asked.splice(0),
    respondBy(next: (issuer: string) => Promise<unknown>) {
      respond = next
    },
    /** The outcome of a new token of an issuer. */
    call: (iss: string, issuers?: string[]) =>
      verifier.outcome(tokenOf(iss, ec, { claims: { jti: String(jti++), exp: now + 3 * day } }), issuers)
  }
}

t.test('IssuerLookup asks once for a known issuer in 5 minutes, and shares concurrent calls', async (t) => {
  const { call, asked, advance } = await createTenants()
  const outcomes = await Promise.all(Array.from({ length: 50 }, () => call(url('one'))))
  t.strictSame([...new Set(outcomes)], ['accepted'])
  t.strictSame(asked(), [url('one')])
  advance(5 * minute - 1)
  t.strictSame([await call(url('one')), asked()], ['accepted', []])
  advance(1)
  t.strictSame([await call(url('one')), asked()], ['accepted', [url('one')]])
})

t.test('IssuerLookup asks only for a well-formed https issuer that is not ours', async (t) => {
  const { call, asked } = await createTenants()
  const wrong = [
    issuer,
    'http://idp.example.com',
    'http://127.0.0.1:8080',
    'idp.example.com',
    'https:idp.example.com',
    'https://',
    'ftp://idp.example.com',
    'https://idp.example.com?tenant=1',
    'https://idp.example.com#x',
    'https://user:word@idp.example.com',
    'https://user@idp.example.com',
    'https://@idp.example.com',
    'https://:@idp.example.com',
    'https:///idp.example.com',
    'https://%69dp.example.com',
    'https://idp.example.com/tenants/../uploads',
    'https://idp.example.com/tenants/%2e%2E/uploads',
    'https://idp.example.com/tenants/.',
    'https://idp.example.com/ä',
    'https://idp.example.com/a b',
    'https://idp.example.com\n',
    'https://idp.example.com/\u0000',
    'https://idp.example.com/"quoted"',
    'https://idp.example.com:99999',
    `https://idp.example.com/${'x'.repeat(489)}`,
    ''
  ]
  for (const iss of wrong) t.equal(await call(iss), 'AUTH_INVALID_TOKEN', iss)
  for (const iss of [undefined, null, 1, {}, [url('one')]] as never[]) {
    t.equal(await call(iss), 'AUTH_INVALID_TOKEN', String(iss))
  }
  t.strictSame(asked(), [])
  const good = ['https://IDP.example.com:8443/realms/a~b_c.d-e/%20/@/...', `https://idp.example.com/${'x'.repeat(488)}`]
  for (const iss of good) t.equal(await call(iss), 'AUTH_INVALID_TOKEN', iss)
  t.strictSame(asked(), good)
})

t.test('IssuerLookup is not used for a caller that would not accept the issuer', async (t) => {
  const { call, asked, outcome, accessTokens } = await createTenants()
  const token = tokenOf(url('one'), ec)
  t.equal(await accessTokens.verify(token).catch(({ code }) => code), 'AUTH_INVALID_TOKEN', 'only our own')
  t.equal(await call(url('one'), [issuer]), 'AUTH_INVALID_TOKEN', 'our own by name')
  t.equal(await call(url('one'), [url('two')]), 'AUTH_INVALID_TOKEN', 'another by name')
  t.ok(accessTokens.isForeign(accessTokens.parse(token)), 'a cookie of an unknown issuer is foreign')
  t.strictSame(asked(), [])
  t.equal(await outcome(token, [url('one')]), 'accepted', 'by name')
  t.notOk(accessTokens.isForeign(accessTokens.parse(token)))
  t.equal(await outcome(token, ['trusted']), 'accepted')
  t.equal(await outcome(token, [url('two')]), 'AUTH_INVALID_TOKEN', 'although it is in the cache')
  t.strictSame(asked(), [url('one')])
})

t.test('a removed tenant is refused within 5 minutes, its cached tokens too', async (t) => {
  const { outcome, asked, advance, known, now: elapsed } = await createTenants()
  const lasting = (jti: string) => tokenOf(url('one'), ec, { claims: { jti, exp: now + 3600 } })
  t.equal(await outcome(lasting('early')), 'accepted')
  known.clear()
  advance(4 * minute)
  t.equal(await outcome(lasting('late')), 'accepted', 'cached a minute before the next call')
  let last = 0
  while (elapsed() < 12 * minute) {
    advance(5)
    for (const jti of ['early', 'late']) if ((await outcome(lasting(jti))) === 'accepted') last = elapsed()
  }
  t.ok(last > 4 * minute && last < 5 * minute, `accepted for the last time after ${last} s`)
  t.strictSame([...new Set(asked())].length, 1, 'no other issuer')
})

t.test('an option that changes takes effect within 5 minutes, its map too', async (t) => {
  const { accessTokens, advance, known } = await createTenants()
  const token = tokenOf(url('one'), ec, { claims: { exp: now + 3600 } })
  const scopes = async () => (await accessTokens.verify(token, ['trusted'])).scopes
  t.strictSame(await scopes(), [])
  known.set(url('one'), tenant(url('one'), { map: () => ({ scope: 'notes:read' }) }))
  advance(5 * minute)
  t.strictSame(await scopes(), ['notes:read'])
  known.set(url('one'), tenant(url('one'), { audience: 'https://else.example.com' }))
  advance(5 * minute)
  await t.rejects(scopes(), { code: 'AUTH_INVALID_TOKEN', detail: 'aud must name an accepted audience' })
})

t.test('10,000 invented issuers cause 600 calls a minute, and do not affect a known issuer', async (t) => {
  const { accessTokens, call, outcome, asked, advance, known } = await createTenants()
  const invented = (count: number, from = 0) => Array.from({ length: count }, (_, n) => url(`invented-${from + n}`))
  t.equal(await call(url('one')), 'accepted')
  t.equal(asked().length, 1)
  const counts: Record<string, number> = {}
  for (const iss of invented(10_000)) {
    const code = await outcome(unsigned(iss))
    counts[code] = (counts[code] ?? 0) + 1
  }
  t.strictSame(counts, { AUTH_INVALID_TOKEN: 599, AUTH_KEYS_UNAVAILABLE: 9401 })
  t.equal(asked().length, 599, 'and the first call was the 600th')
  t.equal(await call(url('one')), 'accepted')
  t.equal(await call(url('invented-1')), 'AUTH_INVALID_TOKEN', 'one that was looked up is remembered')
  t.strictSame(asked(), [], 'for a minute')

  known.set(url('three'), tenant(url('three')))
  t.equal(await accessTokens.maxLifetimeOf(url('three')), 3 * day, 'a token can be revoked beyond the limit')
  t.strictSame(asked(), [url('three')])

  advance(59)
  t.equal(await call(url('new')), 'AUTH_KEYS_UNAVAILABLE')
  advance(1)
  t.equal(await call(url('new')), 'AUTH_INVALID_TOKEN')
  t.equal((await Promise.all(invented(10_000, 10_000).map((iss) => outcome(unsigned(iss))))).length, 10_000)
  t.equal(asked().length, 600, 'concurrently too')
  advance(4 * minute)
  await Promise.all(invented(10_000).map((iss) => outcome(unsigned(iss))))
  t.equal(asked().length, 600)
  t.equal(await call(url('one')), 'accepted', 'a known issuer is looked up beyond the limit')
  t.strictSame(asked(), [url('one')])
})

t.test('concurrent requests for one unknown issuer share a call, the last one of a minute too', async (t) => {
  const { call, asked } = await createTenants()
  await Promise.all(Array.from({ length: 599 }, (_, index) => call(url(`invented${index}`), [url(`invented${index}`)])))
  t.equal(asked().length, 599)
  const outcomes = await Promise.all(Array.from({ length: 5 }, () => call(url('one'))))
  t.strictSame([...new Set(outcomes)], ['accepted'])
  t.strictSame(asked(), [url('one')])
})

t.test('IssuerLookup asks again for an unknown issuer after a minute', async (t) => {
  const { call, asked, advance, known } = await createTenants()
  for (const [after, calls] of [
    [0, 1],
    [59, 0],
    [1, 1]
  ] as const) {
    advance(after)
    t.equal(await call(url('two')), 'AUTH_INVALID_TOKEN')
    t.equal(asked().length, calls, `after ${after} s`)
  }
  known.set(url('two'), tenant(url('two')))
  advance(minute)
  t.equal(await call(url('two')), 'accepted', 'a tenant that was added')
})

t.test('IssuerLookup remembers 10,000 known issuers', async (t) => {
  const { asked, advance, respondBy, accessTokens } = await createTenants()
  respondBy(async (iss) => tenant(iss, { jwks: undefined }))
  const isKnown = (n: number) => !accessTokens.isForeign(accessTokens.parse(unsigned(url(n))))
  // 600 a minute: longer than a known issuer is used without a call.
  for (let n = 0; n <= 10_000; n++) {
    if (n % 600 === 0) advance(60)
    await accessTokens.findIssuers([unsigned(url(n))], ['trusted'])
  }
  t.equal(asked().length, 10_001)
  t.strictSame([isKnown(0), isKnown(1), isKnown(10_000)], [false, true, true], 'the oldest one was dropped')
})

t.test('while the function fails, an unknown issuer is 503 and a known one is used, for up to a day', async (t) => {
  const { call, asked, advance, events, known, respondBy } = await createTenants()
  t.equal(await call(url('one')), 'accepted')
  asked()
  respondBy(async () => {
    throw Object.assign(new Error('password hunter2'), { code: 'ECONNREFUSED' })
  })
  const failed = (iss: string) => ({
    type: 'issuer-lookup-failed',
    issuer: iss,
    reason: 'the function threw Error (ECONNREFUSED)'
  })
  for (const [after, calls] of [
    [0, 1],
    [0, 0],
    [4.9, 0],
    [0.1, 1]
  ] as const) {
    advance(after)
    t.equal(await call(url('two')), 'AUTH_KEYS_UNAVAILABLE')
    t.strictSame(asked(), Array(calls).fill(url('two')), `after ${after} s`)
    t.strictSame(events(), Array(calls).fill(failed(url('two'))))
  }
  advance(5 * minute)
  t.strictSame([await call(url('one')), asked(), events()], ['accepted', [url('one')], [failed(url('one'))]])
  t.strictSame([await call(url('one')), asked()], ['accepted', []], 'the next call is 5 s later')
  advance(5)
  t.strictSame([await call(url('one')), asked()], ['accepted', [url('one')]])
  for (let hour = 0; hour < 23; hour++) {
    advance(60 * minute)
    t.equal(await call(url('one')), 'accepted', `after ${hour + 1} hours`)
  }
  advance(60 * minute)
  t.equal(await call(url('one')), 'AUTH_KEYS_UNAVAILABLE', 'after a day')
  events()

  respondBy(async (iss) => known.get(iss) ?? null)
  advance(5)
  t.equal(await call(url('one')), 'accepted')
  t.equal(await call(url('two')), 'AUTH_INVALID_TOKEN')
  t.strictSame(events(), [])
})

t.test('a tenant that is removed during a failure is refused soon after it, its cached tokens too', async (t) => {
  const { outcome, advance, known, respondBy } = await createTenants()
  const token = tokenOf(url('one'), ec, { claims: { exp: now + 3600 } })
  t.equal(await outcome(token), 'accepted')
  respondBy(() => Promise.reject(new Error('down')))
  advance(5 * minute)
  t.equal(await outcome(token), 'accepted')
  known.clear()
  respondBy(async (iss) => known.get(iss) ?? null)
  advance(4.9)
  t.equal(await outcome(token), 'accepted', 'until the next call')
  advance(0.1)
  await outcome(token)
  t.equal(await outcome(token), 'AUTH_INVALID_TOKEN', 'the call was made without a request that waited')
})

t.test('IssuerLookup does not wait longer than the time limit, and never twice for a known issuer', async (t) => {
  const pending: (() => void)[] = []
  const verifier = await createVerifier(async (iss) => {
    if (pending.length === 0) return tenant(iss)
    return await new Promise(() => {})
  }, 20)
  let jti = 0
  const call = (iss: string) => verifier.outcome(tokenOf(iss, ec, { claims: { jti: String(jti++) } }))
  t.equal(await call(url('one')), 'accepted')
  pending.push(() => {})
  t.equal(await call(url('two')), 'AUTH_KEYS_UNAVAILABLE')
  const reason = '"trustedIssuers" did not return within 20 ms'
  t.match(verifier.events(), [{ type: 'issuer-lookup-failed', issuer: url('two'), reason }])
  verifier.advance(5 * minute)
  t.equal(await call(url('one')), 'accepted', 'a known issuer, after the time limit')
  t.match(verifier.events(), [{ issuer: url('one'), reason }])
  verifier.advance(5)
  t.equal(await call(url('one')), 'accepted', 'a known issuer')
  t.strictSame(verifier.events(), [], 'before the time limit')
})

t.test('an option for another issuer is not used, and a wrong one is a failure', async (t) => {
  const { call, events, respondBy, advance } = await createTenants()
  const one = url('one')
  const rows: [string, unknown, string, string][] = [
    [
      'another issuer',
      tenant(url('two')),
      'AUTH_INVALID_TOKEN',
      `the function returned another issuer: "${url('two')}"`
    ],
    ['another spelling', tenant(`${one}/`), 'AUTH_INVALID_TOKEN', `the function returned another issuer: "${one}/"`],
    ['nothing', undefined, 'AUTH_KEYS_UNAVAILABLE', '"trustedIssuers()" must be an object: received undefined'],
    ['true', true, 'AUTH_KEYS_UNAVAILABLE', '"trustedIssuers()" must be an object: received true'],
    ['a list', [tenant(one)], 'AUTH_KEYS_UNAVAILABLE', '"trustedIssuers()" must be an object: received a list'],
    ['an empty object', {}, 'AUTH_KEYS_UNAVAILABLE', '"trustedIssuers().issuer" is missing'],
    [
      'no audience',
      tenant(one, { audience: undefined as never }),
      'AUTH_KEYS_UNAVAILABLE',
      '"trustedIssuers().audience" must be a non-empty string or a list of them: received undefined'
    ],
    [
      'an unknown member',
      { ...tenant(one), jwksUrl: one },
      'AUTH_KEYS_UNAVAILABLE',
      '"trustedIssuers().jwksUrl" is not an option'
    ],
    [
      'a symmetric algorithm',
      tenant(one, { algorithms: ['HS256'] }),
      'AUTH_KEYS_UNAVAILABLE',
      '"trustedIssuers().algorithms.0" must be an asymmetric signature algorithm, such as RS256'
    ],
    [
      'a private key',
      tenant(one, { jwks: { keys: [ec.privateJwk] } }),
      'AUTH_KEYS_UNAVAILABLE',
      '"trustedIssuers().jwks.keys" must contain only public keys'
    ]
  ]
  for (const [what, option, code, reason] of rows) {
    respondBy(async () => option)
    advance(minute)
    t.equal(await call(one), code, what)
    t.strictSame(events(), [{ type: 'issuer-lookup-failed', issuer: one, reason }], what)
  }
  respondBy(async () => tenant(one))
  advance(minute)
  t.equal(await call(one), 'accepted')
  for (const [option, code] of [
    [undefined, 'AUTH_KEYS_UNAVAILABLE'],
    [{}, 'AUTH_KEYS_UNAVAILABLE'],
    [tenant(url('two')), 'AUTH_INVALID_TOKEN']
  ] as const) {
    respondBy(async () => tenant(one))
    advance(5 * minute)
    t.equal(await call(one), 'accepted')
    respondBy(async () => option)
    advance(5 * minute)
    t.equal(await call(one), code, 'a known issuer')
    respondBy(() => Promise.reject(new Error('down')))
    advance(minute)
    t.equal(await call(one), 'AUTH_KEYS_UNAVAILABLE', 'it is not known any longer')
  }
})

t.test("a tenant's token never passes as another's", async (t) => {
  const [one, two] = [url('one'), url('two')]
  const { outcome, accessTokens } = await createTenants(
    new Map<string, unknown>([
      [one, tenant(one, { map: () => ({ roles: ['one'] }) })],
      [two, tenant(two, { algorithms: ['RS256'], jwks: { keys: [rsa.jwk] }, map: () => ({ roles: ['two'] }) })]
    ])
  )
  const verify = async (token: string, issuers: string[]) => await accessTokens.verify(token, issuers)
  for (const time of ['new', 'cached']) {
    t.match(await verify(tokenOf(one, ec), ['trusted']), { claims: { iss: one, sub: 'theirs' }, roles: ['one'] }, time)
    t.match(await verify(tokenOf(two, rsa), ['trusted']), { claims: { iss: two, sub: 'theirs' }, roles: ['two'] }, time)
    t.equal(await outcome(tokenOf(one, rsa)), 'AUTH_INVALID_TOKEN', `${time}: one's by two's key`)
    t.equal(await outcome(tokenOf(two, ec)), 'AUTH_INVALID_TOKEN', `${time}: two's by one's key`)
    t.equal(await outcome(tokenOf(one, ec), [two]), 'AUTH_INVALID_TOKEN', `${time}: one's where two is named`)
    t.equal(await outcome(tokenOf(one, ec), [issuer]), 'AUTH_INVALID_TOKEN', `${time}: one's where we are named`)
    const asUs = { claims: { iss: issuer, aud: issuer } }
    t.equal(await outcome(tokenOf(issuer, ec, asUs), ['trusted', issuer]), 'AUTH_INVALID_TOKEN', `${time}: as ours`)
  }
})

t.test('keys are kept when a tenant is looked up again, unless they come from elsewhere', async (t: Test) => {
  const idp = await startIssuer(t, [ec.jwk])
  const one = url('one')
  const option = (more: Partial<TrustedIssuerOption> = {}) =>
    tenant(one, {
      jwks: undefined,
      jwksUri: `${idp.url}/jwks`,
      fetch: (address, init) => fetch(address, init),
      ...more
    })
  const { call, advance, respondBy, asked } = await createTenants()
  respondBy(async () => option())
  t.equal(await call(one), 'accepted')
  advance(4 * minute)
  t.equal(await call(one), 'accepted', 'the set is fetched again meanwhile')
  idp.responses.jwks = text('', 500)
  advance(minute)
  t.equal(await call(one), 'accepted', 'the tenant was looked up again, and its keys cannot be fetched')
  t.strictSame(asked(), [one, one])
  respondBy(async () => option({ jwksUri: `${idp.url}/other` }))
  advance(5 * minute)
  t.equal(await call(one), 'accepted', 'keys from elsewhere')
  t.equal(idp.fetches.elsewhere, 1)
  respondBy(async () => option({ jwksUri: undefined, fetch: undefined, jwks: { keys: [ec.jwk] } }))
  idp.close()
  advance(5 * minute)
  t.equal(await call(one), 'accepted', 'keys in the option')
})

t.test('only a route that accepts trusted issuers looks up the issuer of a cookie or a header', async (t) => {
  const [one, stranger] = [url('one'), url('stranger')]
  const asked: string[] = []
  let isDown = false
  const { app, signIn } = await createApp({
    plugin: {
      async trustedIssuers(iss) {
        asked.push(iss)
        if (isDown) throw new Error('down')
        return iss === one ? tenant(one) : null
      }
    },
    after(app) {
      const handler = async ({ auth }: { auth: { issuer: string } | null }) => ({ issuer: auth?.issuer })
      app.get('/tenants', { config: { auth: { issuers: 'trusted' } } }, handler)
      app.get('/both', { config: { auth: { issuers: ['trusted', issuer] } } }, handler)
      app.get('/named', { config: { auth: { issuers: [one] } } }, handler)
    }
  })
  t.teardown(() => app.close())
  const ours = (await signIn('bearer')).access
  const cookie = (...tokens: string[]) => ({ cookie: tokens.map((token) => `__Host-access=${token}`).join('; ') })
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
  const [theirs, foreign] = [tokenOf(one, ec), tokenOf(stranger, ec)]
  const rows: [string, string, Record<string, string>, number, string | null, string[]][] = [
    ['a tenant, where only we are accepted', '/me', bearer(theirs), 401, 'AUTH_INVALID_TOKEN', []],
    ["a stranger's cookie, where only we are accepted", '/me', cookie(foreign), 401, 'AUTH_NO_CREDENTIALS', []],
    ["a stranger's cookie, optional", '/maybe', cookie(foreign), 200, null, []],
    ["a tenant's cookie, before it is known", '/me', cookie(theirs), 401, 'AUTH_NO_CREDENTIALS', []],
    ['our token beside it', '/both', cookie(ours, theirs), 200, null, []],
    ['our token', '/tenants', bearer(ours), 401, 'AUTH_INVALID_TOKEN', []],
    ['our token, where both are accepted', '/both', bearer(ours), 200, null, []],
    ["a tenant's cookie", '/tenants', cookie(theirs), 200, null, [one]],
    ["a stranger's cookie", '/tenants', cookie(foreign), 401, 'AUTH_NO_CREDENTIALS', [stranger]],
    ["a stranger's header", '/tenants', bearer(foreign), 401, 'AUTH_INVALID_TOKEN', []],
    ['a tenant by name', '/named', bearer(theirs), 200, null, []],
    ['both are accepted', '/both', bearer(theirs), 200, null, []],
    ['a stranger by name of another', '/named', bearer(tokenOf(url('else'), ec)), 401, 'AUTH_INVALID_TOKEN', []]
  ]
  for (const [what, path, headers, status, code, calls] of rows) {
    const response = await app.inject({ url: path, headers })
    t.strictSame([response.statusCode, response.json().code ?? null], [status, code], `${what} at ${path}`)
    t.strictSame(asked.splice(0), calls, `${what} at ${path}: the calls`)
    if (headers.cookie !== undefined) t.strictSame(response.headers['set-cookie'], undefined, `${what}: left alone`)
  }
  const many = Array.from({ length: 100 }, (_, n) => unsigned(url(`invented-${n}`)))
  const flooded = await app.inject({ url: '/tenants', headers: cookie(...many, ...many) })
  t.strictSame([flooded.statusCode, asked.splice(0).length], [401, 8], 'one request causes few calls')
  isDown = true
  const unsure = await app.inject({ url: '/tenants', headers: cookie(tokenOf(url('new'), ec)) })
  t.strictSame([unsure.statusCode, unsure.json().code], [503, 'AUTH_KEYS_UNAVAILABLE'])
  t.strictSame([unsure.headers['retry-after'], unsure.headers['set-cookie']], ['2', undefined])
  const logout = await app.inject({ method: 'POST', url: '/logout', headers: cookie(foreign), payload: {} })
  t.equal(logout.statusCode, 204)
  t.strictSame(asked.splice(0), [url('new')], 'signing out looks nothing up')
})

t.test(
  'with a function, a resource needs authorizationServers, and its audience is not checked at the start',
  async (t) => {
    const url = 'https://api.example.com/mcp'
    const plugin = { trustedIssuers: async () => null }
    await t.rejects(createApp({ plugin: { ...plugin, resources: [{ url }] } }), {
      message: /"resources.0.authorizationServers" is missing/
    })
    const resources = [{ url, authorizationServers: ['https://idp.example.com'] }]
    const { app } = await createApp({ plugin: { ...plugin, resources } })
    await app.close()
    await t.rejects(createApp({ plugin: { resources } }), { message: /"resources.0.url" must be an accepted audience/ })
  }
)
