import { generateKeyPairSync } from 'node:crypto'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { SignJWT, importJWK, type CryptoKey, type KeyObject } from 'jose'
import * as openid from 'openid-client'
import t, { type Test } from 'tap'
import { freePort } from '../../fixtures/free-port.ts'
import { createBrowser, signingKey, startProvider } from './openid-provider.ts'
import { importRecipe } from '../printed-code.ts'
import { serve } from './recipe-application.ts'

interface Recipe {
  createApp(options: { origin: string; config: openid.Configuration }): Promise<FastifyInstance>
  accounts: { id: string; issuer: string; sub: string }[]
}

const page = 'docs/recipes/openid-sign-in.md'
const clientSecret = 'a-secret-of-the-client'
const seconds = () => Math.floor(Date.now() / 1000)

async function start(t: Test) {
  const { createApp, accounts } = await importRecipe<Recipe>(t, { page, file: 'file app.ts' })
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const provider = await startProvider(t, {
    clients: [
      {
        client_id: 'app',
        client_secret: clientSecret,
        redirect_uris: [`${origin}/callback`, `${origin}/callback/github`],
        post_logout_redirect_uris: [`${origin}/`],
        backchannel_logout_uri: `${origin}/backchannel-logout`,
        id_token_signed_response_alg: 'ES256'
      }
    ],
    configuration: { features: { backchannelLogout: { enabled: true } } }
  })
  const config = await openid.discovery(
    new URL(provider.url),
    'app',
    { client_secret: clientSecret, id_token_signed_response_alg: 'ES256' },
    undefined,
    { execute: [openid.allowInsecureRequests] }
  )
  const app = await createApp({ origin, config })
  await serve(t, app, { port })
  const me = async (browser: ReturnType<typeof createBrowser>) => (await browser.visit(`${origin}/me`)).status
  return { app, accounts, origin, provider, config, me }
}

t.test('a user of oidc-provider signs in, comes back to the page, and is fresh as the provider says', async (t) => {
  const { accounts, origin, provider, me } = await start(t)
  const browser = createBrowser()
  const loginTime = seconds() - 400
  provider.willSignIn({ accountId: 'alice', acr: 'pwd', amr: ['pwd'], ts: loginTime })
  const { url } = await browser.follow(`${origin}/login?return_to=/me&max_age=3600`)
  t.equal(url, `${origin}/me`)
  t.match(accounts, [{ id: 'user-1', issuer: provider.url, sub: 'alice' }])
  const claims = await (await browser.visit(`${origin}/me`)).json()
  t.match(claims, { sub: 'user-1', auth_time: loginTime, acr: 'pwd', amr: ['pwd'] })
  t.equal((await browser.visit(`${origin}/pay`)).status, 401, 'the sign-in is too old')
  provider.willSignIn({ accountId: 'alice' })
  t.equal((await browser.follow(`${origin}/login?return_to=/pay&max_age=300`)).response.status, 200)
  t.equal(provider.pending(), 0)
  t.equal(accounts.length, 1, 'the same account')
  t.equal(await me(browser), 200)
})

t.test('a callback of another browser, of no sign-in or with a planted session does not sign in', async (t) => {
  const { origin, provider, me } = await start(t)
  const [attacker, victim] = [createBrowser(), createBrowser()]
  provider.willSignIn({ accountId: 'mallory' })
  const { url } = await attacker.follow(`${origin}/login`, `${origin}/callback`)
  t.match(url, /code=/)
  t.equal((await victim.visit(url, { from: 'cross-site' })).status, 400, 'without a sign-in of this browser')
  await victim.visit(`${origin}/login`)
  t.equal((await victim.visit(url, { from: 'cross-site' })).status, 400, 'with the state of another browser')
  t.equal(await me(victim), 401)
  t.equal((await victim.visit(`${origin}/callback?error=access_denied`)).status, 400)
  const broken = createBrowser()
  broken.jar.set(origin, '__Host-login=x; Path=/; Secure')
  t.equal((await broken.visit(url, { from: 'cross-site' })).status, 400, 'a login cookie that is not ours')
  t.equal((await attacker.visit(url, { from: 'cross-site' })).status, 302)
  t.equal(await me(attacker), 200)
  t.equal((await attacker.visit(url, { from: 'cross-site' })).status, 400, 'the code again')
})

t.test('a session that was planted in the browser ends with the sign-in', async (t) => {
  const { origin, provider, me } = await start(t)
  const [attacker, victim] = [createBrowser(), createBrowser()]
  provider.willSignIn({ accountId: 'mallory' })
  const { url } = await attacker.follow(`${origin}/login`, `${origin}/callback`)
  const planted = (await attacker.visit(url, { from: 'cross-site' })).headers.getSetCookie()
  for (const line of planted) victim.jar.set(origin, line)
  t.equal(await me(victim), 200, 'as mallory')
  provider.willSignIn({ accountId: 'alice' })
  await victim.follow(`${origin}/login`)
  t.equal(await me(attacker), 401)
  t.match(await (await victim.visit(`${origin}/me`)).json(), { sub: 'user-2' })
})

t.test('return_to leads to pages of the application only', async (t) => {
  const { origin, provider } = await start(t)
  const ways = {
    '/notes?x=1': `${origin}/notes?x=1`,
    'https://evil.example/': origin,
    '//evil.example/': origin,
    '/\\evil.example': origin,
    [`${origin}//evil.example`]: `${origin}//evil.example`,
    [`${origin}.evil.example/`]: origin,
    [`blob:${origin}/evil`]: origin,
    [`${origin.replace('//', '//evil.example@')}/`]: origin,
    'javascript:alert(1)': origin,
    'http://%': origin
  }
  for (const [path, expected] of Object.entries(ways)) {
    const browser = createBrowser()
    provider.willSignIn({ accountId: 'alice' })
    const { url } = await browser.follow(`${origin}/login?return_to=${encodeURIComponent(path)}`, `${origin}/callback`)
    const response = await browser.visit(url, { from: 'cross-site' })
    t.equal(response.status, 302)
    t.equal(response.headers.get('location'), expected, path)
  }
})

t.test('signing out leads to the provider, whose back-channel ends the sessions of other browsers', async (t) => {
  const { origin, provider, me } = await start(t)
  const [laptop, phone] = [createBrowser(), createBrowser()]
  for (const browser of [laptop, phone]) {
    provider.willSignIn({ accountId: 'alice' })
    await browser.follow(`${origin}/login`)
    t.equal(await me(browser), 200)
  }
  const refused = await laptop.visit(`${origin}/logout`, { method: 'POST', from: 'cross-site' })
  t.equal(refused.status, 403, 'a form of another site')
  const out = await laptop.visit(`${origin}/logout`, { method: 'POST', from: 'same-origin' })
  t.equal(out.status, 303)
  t.equal(await me(laptop), 401)
  t.equal(await me(phone), 200)
  const form = await (await laptop.visit(out.headers.get('location')!)).text()
  const body = new URLSearchParams({ xsrf: /name="xsrf" value="(\w+)"/.exec(form)![1]!, logout: 'yes' })
  const ended = await laptop.visit(/action="([^"]+)"/.exec(form)![1]!, { method: 'POST', body })
  t.equal(ended.headers.get('location'), `${origin}/`)
  t.equal(await me(phone), 401, 'the provider has called /backchannel-logout')
})

t.test('/backchannel-logout refuses everything but a new logout token of the provider for this client', async (t) => {
  const { app, origin, provider, me } = await start(t)
  const browser = createBrowser()
  provider.willSignIn({ accountId: 'alice' })
  await browser.follow(`${origin}/login`)
  const event = { 'http://schemas.openid.net/event/backchannel-logout': {} }
  const good = { iss: provider.url, aud: 'app', sub: 'alice', jti: 'one', iat: seconds(), events: event }
  const key = await importJWK(signingKey, 'ES256')
  const sign = async (claims: object, by: CryptoKey | KeyObject | Uint8Array = key) =>
    await new SignJWT({ ...good, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'one', typ: 'logout+jwt' })
      .sign(by)
  const post = async (token: string) => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const payload = new URLSearchParams({ logout_token: token }).toString()
    return (await app.inject({ method: 'POST', url: '/backchannel-logout', headers, payload })).statusCode
  }
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const wrong = {
    'another key': await sign({}, privateKey),
    'another client': await sign({ aud: 'other' }),
    'another provider': await sign({ iss: 'https://evil.example' }),
    'an ID token': await sign({ events: undefined }),
    'an ID token with events': await sign({ nonce: 'n' }),
    'an old one': await sign({ iat: seconds() - 600 }),
    'without sub': await sign({ sub: undefined }),
    'without jti': await sign({ jti: undefined }),
    nothing: ''
  }
  for (const [kind, token] of Object.entries(wrong)) t.equal(await post(token), 400, kind)
  t.equal(await post(await sign({ sub: 'nobody' })), 200)
  t.equal(await me(browser), 200)
  t.equal(await post(await sign({})), 200)
  t.equal(await me(browser), 401)
})

t.test('@fastify/oauth2 signs in beside the plugin, and refuses the state of another browser', async (t) => {
  const { github } = await importRecipe<{ github: FastifyPluginAsync<Record<string, unknown>> }>(t, {
    page,
    file: 'file github.ts'
  })
  const { createApp, accounts } = await importRecipe<Recipe>(t, { page, file: 'file app.ts' })
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const provider = await startProvider(t, {
    clients: [
      {
        client_id: 'app',
        client_secret: clientSecret,
        redirect_uris: [`${origin}/callback/github`],
        id_token_signed_response_alg: 'ES256'
      }
    ],
    configuration: {
      scopes: ['read:user'],
      async loadExistingGrant({ oidc }) {
        const grant = new oidc.provider.Grant({ clientId: oidc.client!.clientId, accountId: oidc.session!.accountId! })
        grant.addOIDCScope('read:user')
        await grant.save()
        return grant
      }
    }
  })
  const app = await createApp({
    origin,
    config: new openid.Configuration({ issuer: provider.url, jwks_uri: provider.url }, 'app')
  })
  const userUrl = `${origin}/user`
  app.get('/user', async (request) => (request.headers.authorization?.startsWith('Bearer ') ? { id: 583231 } : {}))
  await app.register(github, {
    origin,
    userUrl,
    findOrCreate: (issuer: string, sub: string) => {
      accounts.push({ id: 'octocat', issuer, sub })
      return { id: 'octocat' }
    },
    credentials: {
      client: { id: 'app', secret: clientSecret },
      auth: { authorizeHost: provider.url, authorizePath: '/auth', tokenHost: provider.url, tokenPath: '/token' }
    }
  })
  await serve(t, app, { port })
  const [attacker, victim] = [createBrowser(), createBrowser()]
  provider.willSignIn({ accountId: 'mallory' })
  const { url } = await attacker.follow(`${origin}/login/github`, `${origin}/callback`)
  await victim.visit(`${origin}/login/github`)
  t.equal((await victim.visit(url, { from: 'cross-site' })).status, 400)
  t.equal((await victim.visit(`${origin}/me`)).status, 401)
  t.equal((await attacker.visit(url, { from: 'cross-site' })).status, 302)
  t.match(await (await attacker.visit(`${origin}/me`)).json(), { sub: 'octocat', auth_time: undefined })
  t.strictSame(accounts, [{ id: 'octocat', issuer: 'https://github.com', sub: '583231' }])
})
