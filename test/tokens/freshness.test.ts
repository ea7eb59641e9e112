import t from 'tap'
import type { Needs } from '../../plugin/index.ts'
import type { AccessToken } from '../../plugin/tokens/access-token.ts'
import { createStaleness } from '../../plugin/tokens/freshness.ts'
import { createApp, epoch, issuer, summaryOf, type ResponseSummary } from '../fixtures/app.ts'
import { makeKey, startIssuer, tokenOf } from '../fixtures/issuer.ts'
import { forge, localSigner, now } from '../fixtures/tokens.ts'
import { trusting } from '../fixtures/trusting-app.ts'

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const passed: ResponseSummary = { status: 200, code: null, challenge: null, cookies: [], cacheControl: null }
const missing = 'auth_time, which says when the user authenticated, is missing or malformed'

const stale = (asked: string): ResponseSummary => ({
  status: 401,
  code: 'AUTH_STALE_AUTHENTICATION',
  challenge:
    `Bearer realm="${issuer}", error="insufficient_user_authentication", ` +
    `error_description="A more recent or a stronger authentication is required", ${asked}`,
  cookies: [],
  cacheControl: null
})

type Row = readonly [needs: Needs, claims: object, expected: ResponseSummary, detail?: string]

t.test('staleness() compares auth_time with maxAgeSeconds, and acr with the list', async (t) => {
  const [aged, strong] = [stale('max_age="300"'), stale('acr_values="mfa urn:hw"')]
  const recent: Needs = { maxAgeSeconds: 300 }
  const mfa: Needs = { acr: ['mfa', 'urn:hw'] }
  const rows: Row[] = [
    [recent, { auth_time: now }, passed],
    [recent, { auth_time: now - 300 }, passed],
    [recent, { auth_time: now - 300.5 }, aged, 'auth_time is more than 300 seconds ago'],
    [recent, { auth_time: now - 301 }, aged, 'auth_time is more than 300 seconds ago'],
    [recent, { auth_time: 0 }, aged, 'auth_time is more than 300 seconds ago'],
    [recent, { auth_time: now + 5 }, passed],
    [recent, { auth_time: now + 6 }, aged, 'auth_time is in the future'],
    [recent, { auth_time: now * 1000 }, aged, 'auth_time is in the future'],
    [recent, { auth_time: 8.64e12 }, aged, 'auth_time is in the future'],
    ...[undefined, null, `${now}`, true, [now], {}, -1, 8.64e12 + 1].map((time): Row => [
      recent,
      { auth_time: time },
      aged,
      missing
    ]),
    [mfa, { acr: 'mfa' }, passed],
    [mfa, { acr: 'urn:hw' }, passed],
    ...[undefined, null, '', 'MFA', 'mfa urn:hw', 'mf', ['mfa'], { mfa: true }, 1].map((acr): Row => [
      mfa,
      { acr },
      strong,
      'acr must be one of mfa urn:hw'
    ]),
    [{ acr: ['1'] }, { acr: 1 }, stale('acr_values="1"'), 'acr must be one of 1'],
    [{ ...recent, ...mfa }, { auth_time: now, acr: 'mfa' }, passed],
    [
      { ...recent, ...mfa },
      { auth_time: now, acr: 'pwd' },
      stale('max_age="300", acr_values="mfa urn:hw"'),
      'acr must be one of mfa urn:hw'
    ],
    [{ ...recent, ...mfa }, { acr: 'mfa' }, stale('max_age="300", acr_values="mfa urn:hw"'), missing],
    [{ ...recent, scopes: ['a', 'b'] }, { scope: 'a b' }, stale('max_age="300", scope="a b"'), missing],
    [{ ...recent, optional: true }, {}, aged, missing],
    [{}, {}, passed]
  ]
  const { app, events } = await createApp({
    after(app) {
      for (const [index, [auth]] of rows.entries()) {
        app.get(`/declared/${index}`, { config: { auth } }, async () => 'passed')
        app.get(`/explicit/${index}`, { onRequest: (request) => request.authenticate(auth) }, async () => 'passed')
      }
    }
  })
  for (const [index, [needs, claims, expected, detail]] of rows.entries()) {
    const token = forge(localSigner, { claims: { ...claims } })
    for (const form of ['declared', 'explicit', 'declared']) {
      const what = `${form} ${JSON.stringify(needs)} ${JSON.stringify(claims)}`
      const response = await app.inject({ url: `/${form}/${index}`, headers: bearer(token) })
      t.strictSame(summaryOf(response), expected, what)
      const refusal = { type: 'token-refused', code: 'AUTH_STALE_AUTHENTICATION', detail, source: 'header' }
      t.strictSame(events(), detail === undefined ? [] : [refusal], what)
      const { optional: _, ...tokenNeeds } = needs
      const verified = app.accessTokens.verify(token, tokenNeeds)
      if (detail === undefined) await t.resolves(verified, what)
      else await t.rejects(verified, { code: 'AUTH_STALE_AUTHENTICATION', statusCode: 401, detail }, what)
    }
  }
})

t.test('staleness() is checked before scopes and roles, and after the issuer', async (t) => {
  const needs: Needs = { maxAgeSeconds: 300, scopes: ['a'], roles: ['admin'] }
  const other = 'https://other.example'
  const { app } = await createApp({
    plugin: { trustedIssuers: [{ issuer: other, audience: issuer, jwksUri: `${other}/jwks`, algorithms: ['ES256'] }] },
    after: (app) => {
      app.get('/all', { config: { auth: needs } }, async () => 'passed')
      app.get('/theirs', { config: { auth: { ...needs, issuers: [other] } } }, async () => 'passed')
    }
  })
  const code = async (url: string, claims: object) =>
    (await app.inject({ url, headers: bearer(forge(localSigner, { claims: { ...claims } })) })).json().code
  t.equal(await code('/theirs', {}), 'AUTH_INVALID_TOKEN')
  t.equal(await code('/all', {}), 'AUTH_STALE_AUTHENTICATION')
  t.equal(await code('/all', { auth_time: now }), 'AUTH_INSUFFICIENT_SCOPE')
  t.equal(await code('/all', { auth_time: now, scope: 'a' }), 'AUTH_INSUFFICIENT_ROLE')
})

t.test('a token in the cache becomes stale with time, and for one route earlier than for another', async (t) => {
  const { app, clock } = await createApp({
    after(app) {
      for (const maxAgeSeconds of [60, 120]) {
        app.get(`/${maxAgeSeconds}`, { config: { auth: { maxAgeSeconds } } }, async () => 'passed')
      }
    }
  })
  const token = forge(localSigner, { claims: { auth_time: now } })
  const statuses = async () => {
    const responses = ['/60', '/120', '/me'].map((url) => app.inject({ url, headers: bearer(token) }))
    return (await Promise.all(responses)).map(({ statusCode }) => statusCode)
  }
  t.strictSame(await statuses(), [200, 200, 200])
  clock.advance(60)
  t.strictSame(await statuses(), [200, 200, 200])
  clock.advance(1)
  t.strictSame(await statuses(), [401, 200, 200])
  clock.advance(60)
  t.strictSame(await statuses(), [401, 401, 200])
})

t.test("a trusted issuer's token is fresh by its own auth_time and acr", async (t) => {
  const rsa = makeKey('RS256', 'one')
  const idp = await startIssuer(t, [rsa.jwk])
  const issuers = [idp.url]
  const { app } = await createApp({
    plugin: { trustedIssuers: [trusting(idp)] },
    after(app) {
      app.get(
        '/recent',
        { config: { auth: { issuers, maxAgeSeconds: 300 } } },
        async ({ auth }) => auth.authenticatedAt
      )
      app.get('/strong', { config: { auth: { issuers, acr: ['mfa'] } } }, async () => 'passed')
    }
  })
  const call = async (url: string, claims: object) =>
    await app.inject({ url, headers: bearer(tokenOf(idp.url, rsa, { claims: { ...claims } })) })
  t.strictSame(summaryOf(await call('/recent', {})), stale('max_age="300"'))
  t.strictSame(summaryOf(await call('/recent', { auth_time: now - 301 })), stale('max_age="300"'))
  t.equal((await call('/recent', { auth_time: now - 10.5 })).body, String((now - 10.5) * 1000))
  t.strictSame(summaryOf(await call('/strong', { auth_time: now })), stale('acr_values="mfa"'))
  t.strictSame(summaryOf(await call('/strong', { acr: 'mfa' })), passed)
})

t.test("staleness() compares our tokens with the store's clock, and those of trusted issuers with the node's", (t) => {
  const staleness = createStaleness({
    clock: () => epoch + 3_600_000,
    nodeClock: () => epoch,
    clockToleranceSeconds: 5
  })
  const at = (isOwn: boolean, authenticatedAt: number) =>
    staleness({ isOwn, authenticatedAt } as AccessToken, { maxAgeSeconds: 300, acr: null })
  t.equal(at(true, epoch), 'auth_time is more than 300 seconds ago')
  t.equal(at(true, epoch + 3_600_000), null)
  t.equal(at(false, epoch), null)
  t.equal(at(false, epoch + 3_600_000), 'auth_time is in the future')
  t.end()
})
