import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import type { RequestListener } from 'node:http'
import fastify, { type FastifyInstance } from 'fastify'
import Provider, { interactionPolicy, type InteractionResults } from 'oidc-provider'
import * as client from 'openid-client'
import t, { type Test } from 'tap'
import authenticate from '../../plugin/index.ts'
import { secret } from '../fixtures/app.ts'
import { createCookieJar } from '../fixtures/cookie-jar.ts'
import { freePort } from '../fixtures/free-port.ts'
import { makeSigningKey, notes } from '../fixtures/identity-provider.ts'
import { listen } from '../fixtures/issuer.ts'

const clientSecret = randomBytes(32).toString('base64url')
const seconds = () => Math.floor(Date.now() / 1000)
/** What the user does when the provider asks for a sign-in. */
type Login = NonNullable<InteractionResults['login']>

/** A provider whose access tokens say when and how the user signed in. It follows `max_age` and `acr_values`. */
async function startProvider(t: Test, redirectUri: string) {
  const logins: Login[] = []
  let listener: RequestListener = () => {}
  const { url } = await listen(t, (request, response) => listener(request, response))
  const policy = interactionPolicy.base()
  policy.get('login')!.checks.add(
    new interactionPolicy.Check('acr_values', 'a stronger authentication is required', ({ oidc }) => {
      const asked = (oidc.params!.acr_values as string | undefined)?.split(' ')
      const isMet = asked === undefined || asked.includes(oidc.session!.acr ?? '') || oidc.result?.login !== undefined
      return isMet ? interactionPolicy.Check.NO_NEED_TO_PROMPT : interactionPolicy.Check.REQUEST_PROMPT
    })
  )
  const provider: Provider = new Provider(url, {
    jwks: { keys: [makeSigningKey('one')] },
    cookies: { keys: [secret] },
    clients: [
      {
        client_id: 'app',
        client_secret: clientSecret,
        grant_types: ['authorization_code', 'refresh_token'],
        redirect_uris: [redirectUri],
        id_token_signed_response_alg: 'ES256'
      }
    ],
    acrValues: ['pwd', 'mfa'],
    claims: { openid: ['sub', 'auth_time', 'acr', 'amr'] },
    interactions: { policy, url: (_context, { uid }) => `/interaction/${uid}` },
    features: {
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: 'notes:read',
          audience: notes,
          accessTokenTTL: 600,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } }
        })
      }
    },
    issueRefreshToken: async () => true,
    extraTokenClaims(context) {
      const { AuthorizationCode: code, RefreshToken: refresh } = context.oidc.entities
      const { authTime, acr } = (code ?? refresh)!
      return { auth_time: authTime, acr }
    },
    async loadExistingGrant({ oidc }) {
      const grant = new oidc.provider.Grant({ clientId: oidc.client!.clientId, accountId: oidc.session!.accountId! })
      grant.addOIDCScope('openid')
      grant.addResourceScope(notes, 'notes:read')
      await grant.save()
      return grant
    },
    findAccount: (_context, id) => ({ accountId: id, claims: async () => ({ sub: id }) })
  })
  provider.on('server_error', (_context, error) => {
    throw error
  })
  const handle = provider.callback()
  listener = async (request, response) => {
    if (!request.url!.startsWith('/interaction/')) return await handle(request, response)
    const login = logins.shift()
    if (login === undefined) throw new Error('the provider asked for a sign-in that nobody expected')
    return await provider.interactionFinished(request, response, { login }, { mergeWithLastSubmission: false })
  }
  return {
    url,
    /** What the user does the next time that the provider asks for a sign-in. */
    willSignIn(next: Login): void {
      logins.push(next)
    },
    pending: () => logins.length,
    discover: async () => {
      const metadata = { client_secret: clientSecret, id_token_signed_response_alg: 'ES256' }
      const execute = [client.allowInsecureRequests]
      return await client.discovery(new URL(url), 'app', metadata, undefined, { execute })
    }
  }
}

/** A browser, which follows redirects and keeps cookies. */
function createBrowser() {
  const jar = createCookieJar(Date.now)

  async function visit(url: string, init: RequestInit = {}): Promise<Response> {
    const response = await fetch(url, { ...init, headers: { cookie: jar.header(url) }, redirect: 'manual' })
    for (const line of response.headers.getSetCookie()) jar.set(url, line)
    return response
  }

  return {
    visit,
    /** Follows redirects from a URL to another one, which is not visited. */
    async follow(from: string, to: string): Promise<URL> {
      const response = await visit(from)
      const location = response.headers.get('location')
      if (location === null) throw new Error(`${response.status} from ${from}: ${await response.text()}`)
      const next = new URL(location, from)
      return next.href.startsWith(to) ? next : await this.follow(next.href, to)
    }
  }
}

async function serve(t: Test, app: FastifyInstance): Promise<string> {
  t.teardown(() => app.close())
  await app.listen({ port: 0, host: '127.0.0.1' })
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
}

/** The parameters of the challenge, as `openid-client` reads them. */
async function challengeOf(call: Promise<Response>): Promise<client.WWWAuthenticateChallengeParameters> {
  try {
    const response = await call
    throw new Error(`not refused: ${response.status}`)
  } catch (error) {
    if (!(error instanceof client.WWWAuthenticateChallengeError)) throw error
    return error.cause[0]!.parameters
  }
}

t.test('openid-client reads the challenge, goes back to oidc-provider, and passes with the new token', async (t) => {
  const redirectUri = 'https://app.example.com/callback'
  const provider = await startProvider(t, redirectUri)
  const issuers = [provider.url]
  const app = fastify()
  await app.register(authenticate, {
    issuer: notes,
    secret,
    trustedIssuers: [
      {
        issuer: provider.url,
        audience: notes,
        algorithms: ['ES256'],
        map: ({ scope }) => (typeof scope === 'string' ? { scope } : {})
      }
    ]
  })
  const auth = { issuers, maxAgeSeconds: 300, acr: ['mfa'], scopes: ['notes:read'] }
  app.post('/pay', { config: { auth } }, async ({ auth, user }) => ({ sub: user.sub, at: auth.authenticatedAt }))
  const pay = new URL('/pay', await serve(t, app))
  const config = await provider.discover()
  const browser = createBrowser()

  async function authorize(parameters: Record<string, string>) {
    const pkceCodeVerifier = client.randomPKCECodeVerifier()
    const expectedState = client.randomState()
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri,
      resource: notes,
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
      state: expectedState,
      ...parameters
    })
    const maxAge = parameters.max_age === undefined ? {} : { maxAge: Number(parameters.max_age) }
    const callback = await browser.follow(url.href, redirectUri)
    return await client.authorizationCodeGrant(config, callback, { pkceCodeVerifier, expectedState, ...maxAge })
  }
  const call = (token: string) => client.fetchProtectedResource(config, token, pay, 'POST')
  const asked = {
    realm: notes,
    error: 'insufficient_user_authentication',
    error_description: 'A more recent or a stronger authentication is required',
    max_age: '300',
    acr_values: 'mfa',
    scope: 'notes:read'
  }

  provider.willSignIn({ accountId: 'alice', acr: 'pwd', amr: ['pwd'], ts: seconds() - 400 })
  const first = await authorize({ scope: 'openid' })
  t.match(first.claims(), { sub: 'alice', acr: 'pwd' })
  t.strictSame(await challengeOf(call(first.access_token)), asked, 'too long ago, too weak, and without the scope')
  const refreshed = await client.refreshTokenGrant(config, first.refresh_token!)
  t.strictSame(await challengeOf(call(refreshed.access_token)), asked, 'refreshing does not help')

  const { max_age: maxAge, acr_values: acrValues, scope } = await challengeOf(call(first.access_token))
  const before = seconds()
  provider.willSignIn({ accountId: 'alice', acr: 'mfa', amr: ['pwd', 'otp'] })
  const parameters = { max_age: String(maxAge), acr_values: String(acrValues), scope: `openid ${scope}` }
  const second = await authorize(parameters)
  t.equal(provider.pending(), 0, 'the user signed in again')
  const response = await call(second.access_token)
  t.equal(response.status, 200)
  const { sub, at } = (await response.json()) as { sub: string; at: number }
  t.equal(sub, 'alice')
  t.ok(at >= before * 1000, 'now')
  t.equal((await call((await authorize(parameters)).access_token)).status, 200, 'without a further sign-in')
  await t.rejects(call(first.access_token), client.WWWAuthenticateChallengeError, 'the old token stays stale')
})

t.test('a session of our own takes auth_time, acr and amr from the ID token in its callback', async (t) => {
  const app = fastify()
  // The provider must know the callback before the application listens.
  const port = await freePort()
  const address = `http://127.0.0.1:${port}`
  const redirectUri = `${address}/callback`
  const provider = await startProvider(t, redirectUri)
  const config = await provider.discover()
  const pending = new Map<string, { verifier: string; maxAge?: number }>()
  await app.register(authenticate, { issuer: address, secret })
  app.get('/login', async (request, reply) => {
    const asked = request.query as { max_age?: string; acr_values?: string }
    const [state, verifier] = [client.randomState(), client.randomPKCECodeVerifier()]
    pending.set(state, { verifier, ...(asked.max_age !== undefined && { maxAge: Number(asked.max_age) }) })
    const url = client.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri,
      scope: 'openid',
      state,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...asked
    })
    return reply.redirect(url.href)
  })
  app.get('/callback', async (request, reply) => {
    const url = new URL(request.url, address)
    const state = url.searchParams.get('state') ?? ''
    const { verifier, ...checks } = pending.get(state)!
    const tokens = await client.authorizationCodeGrant(config, url, {
      pkceCodeVerifier: verifier,
      expectedState: state,
      ...checks
    })
    const { sub, auth_time: authTime = null, ...claims } = tokens.claims()!
    const { acr, amr } = claims as { acr?: string; amr?: string[] }
    return reply.signIn({ sub, transport: 'cookie', crossSite: true, authTime, acr, amr })
  })
  app.get('/pay', { config: { auth: { maxAgeSeconds: 300, acr: ['mfa'] } } }, async ({ auth }) => auth.claims)
  t.teardown(() => app.close())
  await app.listen({ port, host: '127.0.0.1' })
  const browser = createBrowser()
  const signIn = async (query = '') => {
    const callback = await browser.follow(`${address}/login${query}`, redirectUri)
    return (await browser.visit(callback.href)).status
  }

  const loginTime = seconds() - 400
  provider.willSignIn({ accountId: 'alice', acr: 'pwd', amr: ['pwd'], ts: loginTime })
  t.equal(await signIn('?max_age=3600'), 200)
  const refused = await browser.visit(`${address}/pay`)
  t.equal(refused.status, 401)
  t.match(refused.headers.get('www-authenticate'), 'max_age="300", acr_values="mfa"')

  provider.willSignIn({ accountId: 'alice', acr: 'mfa', amr: ['pwd', 'otp'] })
  t.equal(await signIn('?max_age=300&acr_values=mfa'), 200)
  const passed = await browser.visit(`${address}/pay`)
  t.equal(passed.status, 200)
  const claims = (await passed.json()) as { auth_time: number }
  t.match(claims, { sub: 'alice', acr: 'mfa', amr: ['pwd', 'otp'] })
  t.ok(claims.auth_time > loginTime + 300)
})
