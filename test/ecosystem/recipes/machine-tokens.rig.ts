import { generateKeyPairSync } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import t, { type Test } from 'tap'
import type { AuthenticateOptions } from 'fastify-authenticate'
import { freePort } from '../../fixtures/free-port.ts'
import { importRecipe } from '../printed-code.ts'
import { bearer, serve } from './recipe-application.ts'

const page = 'docs/recipes/machine-tokens.md'
const insecure = { [oauth.allowInsecureRequests]: true }

interface Billing {
  createBilling(options: { issuer: string; keys: AuthenticateOptions['keys'] }): Promise<{
    app: FastifyInstance
    call(orders: string, path: string): Promise<Response>
  }>
}
interface Orders {
  createOrders(options: { issuer: string; billing: string }): Promise<FastifyInstance>
}

const makeKey = (kid: string) => ({ kid, key: generateKeyPairSync('ed25519').privateKey })

t.test('a service calls another one by a token for it alone, also while its key is rotated', async (t) => {
  const { createBilling } = await importRecipe<Billing>(t, { page, file: 'file billing.ts' })
  const { createOrders } = await importRecipe<Orders>(t, { page, file: 'file orders.ts' })
  const [billingPort, ordersPort, otherPort] = [await freePort(), await freePort(), await freePort()]
  const [issuer, orders, other] = [billingPort, ordersPort, otherPort].map((port) => `http://127.0.0.1:${port}`) as [
    string,
    string,
    string
  ]
  const [one, two] = [makeKey('one'), makeKey('two')]
  let keys: { kid: string; key: typeof one.key; state: 'next' | 'active' | 'previous' }[] = [
    { ...one, state: 'active' },
    { ...two, state: 'next' }
  ]
  const billing = await createBilling({ issuer, keys: async () => keys })
  await serve(t, billing.app, { port: billingPort })
  const receiver = await createOrders({ issuer: orders, billing: issuer })
  await serve(t, receiver, { port: ordersPort })
  await serve(t, await createOrders({ issuer: other, billing: issuer }), { port: otherPort })

  t.strictSame(await (await billing.call(orders, '/orders')).json(), { for: 'billing', issuer })
  t.equal((await billing.call(orders, '/me')).status, 401, 'a route that does not name the service')
  const forOther = await billing.app.accessTokens.sign({ sub: 'billing', scope: 'orders:read', audience: other })
  t.equal((await fetch(`${orders}/orders`, { headers: bearer(forOther) })).status, 401, 'a token for another service')
  const wider = await billing.app.accessTokens.sign({
    sub: 'billing',
    scope: 'orders:read orders:write',
    audience: orders
  })
  t.equal((await fetch(`${orders}/orders`, { headers: bearer(wider) })).status, 401, 'longer than 300 seconds')
  const own = await receiver.accessTokens.sign({ sub: 'alice', scope: 'orders:read' })
  t.strictSame(await (await fetch(`${orders}/orders`, { headers: bearer(own) })).json(), {
    for: 'alice',
    issuer: orders
  })

  keys = [
    { ...one, state: 'previous' },
    { ...two, state: 'active' }
  ]
  t.ok(await billing.app.keys.reload())
  t.equal((await billing.call(orders, '/orders')).status, 200, 'signed by the next key')
})

interface Clients {
  createApp(): Promise<FastifyInstance>
  clients: Map<string, { id: string; scopes: string[]; secretHashes: Buffer[] }>
  hashOf(secret: string): Buffer
}

async function startClients(t: Test) {
  const recipe = await importRecipe<Clients>(t, { page, file: 'file clients.ts' })
  const secret = 'a-secret_with.every~character+/=%: and more'
  const scopes = ['orders:read', 'orders:write']
  recipe.clients.set('acme:1', {
    id: 'acme:1',
    scopes,
    secretHashes: [recipe.hashOf('earlier'), recipe.hashOf(secret)]
  })
  const app = await recipe.createApp()
  const url = await serve(t, app)
  return { app, url, secret, ...recipe }
}

t.test('oauth4webapi and openid-client get a machine token by client credentials', async (t) => {
  const { app, url, secret } = await startClients(t)
  const server: oauth.AuthorizationServer = { issuer: url, token_endpoint: `${url}/oauth/token` }
  const client: oauth.Client = { client_id: 'acme:1' }
  const response = await oauth.clientCredentialsGrantRequest(
    server,
    client,
    oauth.ClientSecretBasic(secret),
    { scope: 'orders:read' },
    insecure
  )
  t.equal(response.headers.get('cache-control'), 'no-store')
  const tokens = await oauth.processClientCredentialsResponse(server, client, response)
  t.match(tokens, { token_type: 'bearer', expires_in: 300, scope: 'orders:read' })
  const orders = await app.inject({ url: '/orders', headers: bearer(tokens.access_token) })
  t.strictSame(orders.json(), { for: 'client:acme:1' })

  const config = new openid.Configuration(server, 'acme:1', undefined, openid.ClientSecretBasic('earlier'))
  openid.allowInsecureRequests(config)
  t.match(
    await openid.clientCredentialsGrant(config),
    { scope: 'orders:read orders:write' },
    'all, by the other secret'
  )

  const wrong = new openid.Configuration(server, 'acme:1', undefined, openid.ClientSecretBasic('wrong'))
  openid.allowInsecureRequests(wrong)
  await t.rejects(openid.clientCredentialsGrant(wrong), { status: 401, cause: [{ scheme: 'basic' }] })
})

t.test('the token endpoint of machines refuses what is malformed, unknown or too much', async (t) => {
  const { app, secret } = await startClients(t)
  const basic = (id: string, given: string) =>
    `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(given)}`).toString('base64')}`
  const post = async (payload: string, authorization?: string) => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded', ...(authorization && { authorization }) }
    const response = await app.inject({ method: 'POST', url: '/oauth/token', headers, payload })
    return [response.statusCode, response.json().error]
  }
  const good = basic('acme:1', secret)
  const grant = 'grant_type=client_credentials'
  t.strictSame((await post(grant, good))[0], 200)
  for (const authorization of [
    undefined,
    basic('acme:1', ''),
    basic('acme:2', secret),
    basic('', ''),
    'Basic',
    'Basic =',
    `Basic ${Buffer.from('%:%').toString('base64')}`,
    `Basic ${Buffer.from('acme%3A1').toString('base64')}`,
    basic('__proto__', ''),
    `Bearer ${secret.replaceAll(/\W/g, '')}`
  ]) {
    t.strictSame(await post(grant, authorization), [401, 'invalid_client'], authorization ?? 'nothing')
  }
  t.strictSame(await post('', good), [400, 'unsupported_grant_type'])
  t.strictSame(await post('grant_type=password', good), [400, 'unsupported_grant_type'])
  t.strictSame(await post(`${grant}&${grant}`, good), [400, 'unsupported_grant_type'])
  for (const scope of ['admin', 'orders:read admin', 'orders:read  orders:write', '', 'orders:read&scope=admin']) {
    t.strictSame(await post(`${grant}&scope=${scope}`, good), [400, 'invalid_scope'], scope)
  }
})
