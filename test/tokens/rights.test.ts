import t from 'tap'
import { createApp, summaryOf } from '../fixtures/app.ts'
import { audience, makeKey, startIssuer, tokenOf } from '../fixtures/issuer.ts'
import { now } from '../fixtures/tokens.ts'
import { createTrusting, invalid, trusting, type TrustedIssuer } from '../fixtures/trusting-app.ts'

const rsa = makeKey('RS256', 'rsa')

t.test(
  'request.user has the mapped scope and roles, request.auth also has the claims as they were signed',
  async (t) => {
    const idp = await startIssuer(t, [rsa.jwk])
    const signed = { scope: 'root', roles: ['admin'], scp: 'notes:read', groups: ['editors'] }
    const shared = ['writer']
    const rows: [string, TrustedIssuer['map'] | (() => unknown), { scope?: string; roles?: string[] }][] = [
      ['no map', undefined, {}],
      ['nothing', () => ({}), {}],
      ['undefined', () => undefined, {}],
      ['scope', ({ scp }) => ({ scope: scp as string }), { scope: 'notes:read' }],
      ['scope with odd blanks', () => ({ scope: '  a   b ' }), { scope: 'a b' }],
      ['an empty scope', () => ({ scope: '' }), {}],
      ['roles', ({ groups }) => ({ roles: groups as string[] }), { roles: ['editors'] }],
      ['no roles', () => ({ roles: [] }), { roles: [] }],
      ['both', () => ({ scope: 'a', roles: shared }), { scope: 'a', roles: ['writer'] }],
      ['ill-typed members', () => ({ scope: ['a'], roles: ['editor', 7] }), {}],
      ['members undefined', () => ({ scope: undefined, roles: undefined }), {}],
      ['no rights', () => null, {}]
    ]
    for (const [what, map, expected] of rows) {
      const { app } = await createApp({
        plugin: { trustedIssuers: [trusting(idp, { map: map as TrustedIssuer['map'] })] },
        after: (app) => {
          app.get('/who', { config: { auth: { issuers: [idp.url] } } }, async ({ user, auth }) => {
            for (const part of [user, auth.claims, auth.scopes, auth.roles]) {
              if (!Object.isFrozen(part)) throw new Error('not frozen')
            }
            return { user, auth }
          })
        }
      })
      const token = tokenOf(idp.url, rsa, { claims: signed })
      const {
        scope: _scope,
        roles: _roles,
        ...others
      } = { iss: idp.url, aud: audience, sub: 'theirs', iat: now, exp: now + 600, ...signed }
      const user = { ...others, ...expected }
      for (const time of ['once', 'again']) {
        const response = await app.inject({ url: '/who', headers: { authorization: `Bearer ${token}` } })
        t.strictSame(
          response.json(),
          {
            user,
            auth: {
              source: 'header',
              sessionId: null,
              issuer: idp.url,
              claims: { ...others, scope: 'root', roles: ['admin'] },
              user,
              authenticatedAt: null,
              scopes: expected.scope?.split(' ') ?? [],
              roles: expected.roles ?? []
            }
          },
          `${what}, ${time}`
        )
        shared.push('admin')
        t.strictSame(await app.accessTokens.verify(token, { issuers: [idp.url] }), user, `${what}: verify(), ${time}`)
      }
      shared.length = 1
    }

    const { app } = await createApp({
      after: (app) =>
        app.get('/who', { config: { auth: true } }, async ({ user, auth }) => ({
          same: user === auth.claims,
          scopes: auth.scopes,
          roles: auth.roles
        }))
    })
    const ours = await app.accessTokens.sign({ sub: 'robot', scope: 'a b', claims: { roles: ['bot'] } })
    t.strictSame(
      (await app.inject({ url: '/who', headers: { authorization: `Bearer ${ours}` } })).json(),
      { same: true, scopes: ['a', 'b'], roles: ['bot'] },
      'our own are as signed'
    )
  }
)

t.test('mapRights() passes frozen claims, so that `map` cannot change them', async (t) => {
  const idp = await startIssuer(t, [rsa.jwk])
  const map = (claims: Record<string, unknown>) => {
    ;(claims.groups as string[]).push('root')
    return {}
  }
  const { call, events } = await createTrusting(t, trusting(idp, { map: map as TrustedIssuer['map'] }))
  t.strictSame(summaryOf(await call(tokenOf(idp.url, rsa, { claims: { groups: ['a'] } }))), invalid)
  t.match(events(), [{ type: 'token-refused', detail: '"map" threw TypeError' }])
})

t.test('mapRights() grants only what `map` returns, and rejects the token if `map` throws', async (t) => {
  const idp = await startIssuer(t, [rsa.jwk])
  const theirs = { scope: 'notes:read', roles: ['admin'], realm_access: { roles: ['editor'] }, scp: 'notes:read' }
  const rows: [string, TrustedIssuer['map'] | (() => unknown), Record<string, unknown>, number, number][] = [
    ['none: nothing', undefined, theirs, 403, 403],
    ['scope', ({ scp }) => ({ scope: scp as string }), theirs, 200, 403],
    ['roles', ({ realm_access: realm }) => ({ roles: (realm as { roles: string[] }).roles }), theirs, 403, 200],
    [
      'roles that are absent',
      ({ realm_access: realm }) => ({ roles: (realm as { roles: string[] }).roles }),
      {},
      401,
      401
    ],
    [
      'a refusal',
      ({ token_use: use }) => {
        if (use !== 'access') throw new Error('no access token')
        return {}
      },
      theirs,
      401,
      401
    ],
    [
      'no Error',
      () => {
        // eslint-disable-next-line no-throw-literal -- an application may throw anything
        throw null
      },
      theirs,
      401,
      401
    ],
    ['undefined', () => undefined, theirs, 403, 403],
    ['null', () => null, theirs, 403, 403],
    ['ill-typed members', () => ({ scope: ['notes:read'], roles: 'editor' }), theirs, 403, 403]
  ]
  for (const [what, map, claims, scopes, roles] of rows) {
    const { app } = await createApp({
      plugin: { trustedIssuers: [trusting(idp, { map: map as TrustedIssuer['map'] })] },
      after: (app) => {
        app.get(
          '/scopes',
          { config: { auth: { issuers: [idp.url], scopes: ['notes:read'] } } },
          async ({ user, auth }) => [user.sub, auth?.sessionId]
        )
        app.get('/roles', { config: { auth: { issuers: [idp.url], roles: ['editor'] } } }, async ({ user, auth }) => [
          user.sub,
          auth?.sessionId
        ])
      }
    })
    for (const [url, status] of [
      ['/scopes', scopes],
      ['/roles', roles]
    ] as const) {
      const response = await app.inject({
        url,
        headers: { authorization: `Bearer ${tokenOf(idp.url, rsa, { claims: { ...claims, sid: 'theirs' } })}` }
      })
      t.equal(response.statusCode, status, `${what}: ${url}`)
      if (status === 200) t.strictSame(response.json(), ['theirs', null], `${what}: who it is, and no session`)
    }
  }
})

t.test('mapRights() names what `map` returns besides scope and roles, and nobody is let in', async (t) => {
  const idp = await startIssuer(t, [rsa.jwk])
  const rows: [string, () => unknown, string][] = [
    ['a session', () => ({ scope: 'a', sid: 'ours' }), 'unknown member "sid"'],
    ['a user', () => ({ sub: 'root', scope: 'a' }), 'unknown member "sub"'],
    ['a typo', () => ({ scopes: ['a'] }), 'unknown member "scopes"'],
    ['text', () => 'a', 'a string'],
    ['a list', () => ['a'], 'a list'],
    ['a Map', () => new Map([['scope', 'a']]), 'a Map'],
    ['a promise', async () => ({ scope: 'a' }), 'a promise'],
    ['a promise that rejects', async () => await Promise.reject(new Error('no rights')), 'a promise']
  ]
  for (const [what, map, received] of rows) {
    const errors: unknown[] = []
    const { app } = await createApp({
      plugin: { trustedIssuers: [trusting(idp, { map: map as TrustedIssuer['map'] })] },
      after: (app) => {
        app.addHook('onError', async (_request, _reply, error) => {
          errors.push(error)
        })
        app.get('/theirs', { config: { auth: { issuers: [idp.url] } } }, async () => 'ok')
        app.get('/maybe-theirs', { config: { auth: { issuers: [idp.url], optional: true } } }, async () => 'ok')
      }
    })
    const token = tokenOf(idp.url, rsa)
    for (const url of ['/theirs', '/maybe-theirs']) {
      const response = await app.inject({ url, headers: { authorization: `Bearer ${token}` } })
      t.equal(response.statusCode, 500, `${what}: ${url}`)
    }
    const expected = new TypeError(`"map" must return { scope?, roles? }: received ${received}`)
    t.match(errors, [expected, expected], what)
    await t.rejects(app.accessTokens.verify(token, { issuers: [idp.url] }), expected, `${what}: verify()`)
  }
})
