import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import type { KeyOption } from '../../plugin/index.ts'
import { loadCookieSerializer } from '../../plugin/http/cookie-serializer.ts'
import { createCookies } from '../../plugin/http/cookies.ts'
import { resolveOptions } from '../../plugin/options/options.ts'
import { createApp, issuer, secret, summaryOf, setCookies } from '../fixtures/app.ts'
import { rsaKey } from '../fixtures/rsa-key.ts'
import { localSigner } from '../fixtures/tokens.ts'

const tooLarge = { status: 500, code: 'AUTH_TOKEN_TOO_LARGE', challenge: null, cookies: [], cacheControl: null }

t.test("assertFits() decides from a token's length alone whether its cookie fits into 4096 bytes", async (t) => {
  const serialize = await loadCookieSerializer()
  for (const option of [
    {},
    { domain: 'example.com', sameSite: 'none' as const },
    { secure: false, access: 'a-long-name-for-a-cookie' }
  ]) {
    const settings = resolveOptions({ issuer, secret, cookies: option }).cookies!
    const { assertFits } = createCookies(settings, serialize)
    const { access, domain, sameSite, secure } = settings
    const lengthOf = (token: string) =>
      serialize(access, token, {
        path: '/',
        httpOnly: true,
        secure,
        sameSite,
        maxAge: 400 * 86_400,
        ...(domain === undefined ? {} : { domain }),
        encode: (value) => value
      }).length
    const most = 4096 - lengthOf('')
    t.equal(lengthOf('x'.repeat(most)), 4096)
    t.doesNotThrow(() => assertFits(most, {}))
    const refused = {
      code: 'AUTH_TOKEN_TOO_LARGE',
      detail: 'its cookie would be 4097 bytes, and browsers drop more than 4096. The largest claims: roles (5 bytes)'
    }
    t.throws(() => assertFits(most + 1, { roles: ['a'] }), refused)
  }
})

t.test('reply.refresh() causes a logged 500 and writes nothing if browsers would drop the new cookie', async (t) => {
  const claims = { permissions: 'x'.repeat(2400) }
  const large: KeyOption = {
    key: rsaKey(4096),
    alg: 'RS256',
    state: 'active'
  }
  const old: KeyOption = {
    key: { kty: 'oct', k: Buffer.from(secret).toString('base64url') },
    kid: localSigner.kid,
    state: 'previous'
  }
  const before = await createApp()
  const shared = { store: before.store, clock: before.clock }
  const moved = await createApp({ plugin: { ...shared, keys: [large, old], cookies: { renew: true } } })
  const { cookie, sessionId } = await before.signIn('cookie', { claims })
  const rowOf = async () => (await before.store.find(sessionId)).row
  const untouched = await rowOf()
  // More often than `lateRetries` allows: if a rotation were written without effect, the session would end as stolen.
  for (let attempt = 1; attempt <= 6; attempt++) {
    before.clock.advance(700)
    const requests = { refresh: { method: 'POST', url: '/refresh' }, renewal: { method: 'GET', url: '/me' } } as const
    for (const [name, request] of Object.entries(requests)) {
      t.strictSame(
        summaryOf(await moved.app.inject({ ...request, headers: { cookie } })),
        tooLarge,
        `${name}, attempt ${attempt}`
      )
      await setImmediate()
      t.strictSame(moved.warnings(), ['The access token is too large'], 'it is logged')
      t.strictSame(await rowOf(), untouched, 'nothing is written')
    }
  }
  const response = await before.app.inject({ method: 'POST', url: '/refresh', headers: { cookie } })
  t.equal(response.statusCode, 200, 'the same cookies work with the previous key')
  t.equal(setCookies(response).length, 2)
})
