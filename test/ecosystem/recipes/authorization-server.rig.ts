import type { FastifyInstance } from 'fastify'
import type { ClientMetadata, JWK } from 'oidc-provider'
import * as openid from 'openid-client'
import t, { type Test } from 'tap'
import { freePort } from '../../fixtures/free-port.ts'
import { createBrowser, signingKey } from './openid-provider.ts'
import { importRecipe } from '../printed-code.ts'
import { bearer, serve } from './recipe-application.ts'

const page = 'docs/recipes/authorization-server.md'

interface Recipe {
  createApp(options: { origin: string; clients: ClientMetadata[]; keys: JWK[] }): Promise<FastifyInstance>
  users: Map<string, { isLocked: boolean }>
}
interface Client {
  signIn(
    config: openid.Configuration,
    redirectUri: string,
    open: (url: URL) => Promise<URL>
  ): Promise<openid.TokenEndpointResponse & openid.TokenEndpointResponseHelpers>
}
const refusalOf = async (call: Promise<unknown>) =>
  await call.then(
    () => null,
    ({ error }) => error
  )

type Browser = ReturnType<typeof createBrowser>

const redirectUri = 'https://app.example.com/callback'

async function start(t: Test, extend: (app: FastifyInstance) => void = () => {}) {
  const { createApp, users } = await importRecipe<Recipe>(t, { page, file: 'file app.ts' })
  const { signIn } = await importRecipe<Client>(t, { page, file: 'file client.ts' })
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const mobile: ClientMetadata = {
    client_id: 'mobile',
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token']
  }
  const app = await createApp({ origin, clients: [mobile], keys: [signingKey] })
  extend(app)
  await serve(t, app, { port })
  const config = await openid.discovery(
    new URL(`${origin}/oidc`),
    'mobile',
    { id_token_signed_response_alg: 'ES256' },
    openid.None(),
    { execute: [openid.allowInsecureRequests] }
  )
  const login = async (browser: Browser, username = 'alice') => {
    const body = new URLSearchParams({ username })
    const response = await browser.visit(`${origin}/login`, { method: 'POST', from: 'same-origin', body })
    t.equal(response.status, 200)
  }
  /** Gives the consent on the page that an authorization leads to, and returns to the client. */
  const allow = async (browser: Browser, url: string) => {
    const allowed = await browser.visit(url, { method: 'POST', from: 'same-origin' })
    return await browser.follow(new URL(allowed.headers.get('location')!, url).href, redirectUri)
  }
  const open = (browser: Browser) => async (url: URL) => {
    const page = await browser.follow(url.href)
    return new URL((await allow(browser, page.url)).url)
  }
  const notes = async (token: string) => await fetch(`${origin}/notes`, { headers: bearer(token) })
  return { users, signIn, origin, config, login, allow, open, notes }
}

t.test('a public client gets tokens by code and PKCE, and the API accepts them where the route names it', async (t) => {
  const { origin, config, signIn, login, open, notes, users } = await start(t)
  const browser = createBrowser()
  await login(browser)
  const tokens = await signIn(config, redirectUri, open(browser))
  t.strictSame(await (await notes(tokens.access_token)).json(), { of: 'alice', by: `${origin}/oidc` })
  t.match(tokens.claims(), { sub: 'alice', aud: 'mobile' })
  t.equal((await notes(tokens.id_token!)).status, 401, 'an ID token is not an access token')
  const remove = await fetch(`${origin}/account`, { method: 'DELETE', headers: bearer(tokens.access_token) })
  t.equal(remove.status, 401, 'a route that does not name the provider')
  t.strictSame(await (await browser.visit(`${origin}/notes`)).json(), { of: 'alice', by: origin }, 'by cookie')

  const next = await openid.refreshTokenGrant(config, tokens.refresh_token!)
  t.equal((await notes(next.access_token)).status, 200)
  users.set('alice', { isLocked: true })
  t.equal(await refusalOf(openid.refreshTokenGrant(config, next.refresh_token!)), 'invalid_grant')
  users.set('alice', { isLocked: false })
  const again = await signIn(config, redirectUri, open(browser))
  await openid.tokenRevocation(config, again.refresh_token!)
  t.equal(await refusalOf(openid.refreshTokenGrant(config, again.refresh_token!)), 'invalid_grant')
})

const authorization = async (config: openid.Configuration, parameters: Record<string, string> = {}) =>
  openid.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: 'openid notes:read',
    code_challenge: await openid.calculatePKCECodeChallenge(openid.randomPKCECodeVerifier()),
    code_challenge_method: 'S256',
    state: openid.randomState(),
    ...parameters
  }).href

t.test('an authorization requires a sign-in if the application has no session, or only an old one', async (t) => {
  const { origin, config, login, allow } = await start(t, (app) => {
    app.post('/earlier', async (_request, reply) => {
      const authTime = Math.floor(Date.now() / 1000) - 400
      return await reply.signIn({ sub: 'alice', transport: 'cookie', authTime })
    })
    app.post('/logout', async (_request, reply) => {
      await reply.signOut()
      return await reply.code(204).send()
    })
  })
  const browser = createBrowser()
  const at = async (parameters?: Record<string, string>) => {
    const { url, response } = await browser.follow(await authorization(config, parameters), `${origin}/login`)
    await response.text()
    return new URL(url)
  }
  t.match((await at()).href, `${origin}/login?return_to=%2Finteraction%2F`)
  await browser.visit(`${origin}/earlier`, { method: 'POST', from: 'same-origin' })
  const consent = await at()
  t.match(consent.pathname, /^\/interaction\//)
  t.match((await allow(browser, consent.href)).url, /code=/)
  t.match((await at()).pathname, /^\/interaction\//, 'the provider did not remember the sign-in')
  t.equal((await at({ max_age: '300' })).pathname, '/login')
  t.equal((await at({ prompt: 'login' })).pathname, '/login')
  const { pathname, search } = await at({ max_age: '300' })
  t.equal(pathname, '/login')
  await login(browser)
  const back = new URL(new URLSearchParams(search).get('return_to')!, origin).href
  t.equal((await browser.visit(back)).status, 200)
  t.match((await allow(browser, back)).url, /code=/)
  await browser.visit(`${origin}/logout`, { method: 'POST', from: 'same-origin' })
  t.equal((await at()).pathname, '/login', 'after signing out')
})

t.test('a client gets no scope that the user does not have', async (t) => {
  const { config, login, open, notes } = await start(t)
  const browser = createBrowser()
  await login(browser)
  const codeVerifier = openid.randomPKCECodeVerifier()
  const state = openid.randomState()
  const url = await authorization(config, {
    scope: 'openid notes:read notes:write',
    code_challenge: await openid.calculatePKCECodeChallenge(codeVerifier),
    state
  })
  const callback = await open(browser)(new URL(url))
  const checks = { pkceCodeVerifier: codeVerifier, expectedState: state }
  const tokens = await openid.authorizationCodeGrant(config, callback, checks)
  t.equal(tokens.scope, 'notes:read')
  t.equal((await notes(tokens.access_token)).status, 200)
})

t.test('another site cannot consent for the user, and a client gets no other resource', async (t) => {
  const { config, login } = await start(t)
  const [alice, mallory] = [createBrowser(), createBrowser()]
  await login(alice)
  await login(mallory, 'mallory')
  const { url, response } = await alice.follow(await authorization(config))
  t.equal(response.status, 200)
  t.match(response.headers.get('content-security-policy'), "frame-ancestors 'none'")
  t.match(await response.text(), 'mobile wants to act for alice, with: openid notes:read')
  t.equal((await alice.visit(url, { method: 'POST', from: 'cross-site' })).status, 403)
  t.equal((await mallory.visit(url)).status, 400, 'the interaction of another browser')
  t.equal((await fetch(url, { method: 'POST' })).status, 401)
  const refusal = async (parameters: Record<string, string>) => {
    const ended = await alice.follow(await authorization(config, parameters), redirectUri)
    return new URL(ended.url).searchParams.get('error') ?? ended.response.status
  }
  t.equal(await refusal({ resource: 'https://other.example.com' }), 'invalid_target')
  t.equal(await refusal({ redirect_uri: 'https://evil.example/callback' }), 400)
  t.equal(await refusal({ code_challenge: '', code_challenge_method: '' }), 'invalid_request')
})
