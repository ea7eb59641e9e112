import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { withAuthInfo } from '../plugin/mcp.ts'
import { issuer } from './fixtures/app.ts'
import { createResourceApp, idp, mcp, tokenFor } from './fixtures/resources.ts'
import { now } from './fixtures/tokens.ts'

const metadataUrl = 'https://api.example.com/.well-known/oauth-protected-resource/mcp'

/** Routes that show what the SDK sees: all of them by `withAuthInfo()`. */
function addRoutes(app: FastifyInstance) {
  for (const url of ['/mcp', '/mcp/tools', '/other']) {
    app.get(url, { config: { auth: { issuers: [issuer, idp] } } }, async (request) => {
      const returned = withAuthInfo(request)
      const { auth } = request.raw as { auth?: typeof returned }
      return { ...auth, isReturned: auth === returned, isRequests: auth?.extra.auth === request.auth, extra: undefined }
    })
  }
  app.get('/anonymous', async (request) => withAuthInfo(request))
  app.get('/mcp/maybe', { config: { auth: { optional: true } } }, async (request) => withAuthInfo(request))
}

async function start(plugin = {}) {
  const server = await createResourceApp({ add: addRoutes, plugin })
  const call = async (url: string, headers: Record<string, string>) =>
    (await server.app.inject({ url, headers })).json()
  return { ...server, call, by: (token: string) => ({ authorization: `Bearer ${token}` }) }
}

t.test('withAuthInfo() gives request.raw the AuthInfo of the official MCP SDKs', async (t) => {
  const { call, by } = await start()
  const token = tokenFor([mcp, 'https://else.example.com'], { scope: 'a b', client_id: 'agent', exp: now + 60.5 })
  const known = { isReturned: true, isRequests: true }
  const authInfo = { token, clientId: 'agent', scopes: ['a', 'b'], expiresAt: now + 60, ...known }
  const ofResource = { resource: mcp, resourceMetadataUrl: metadataUrl }
  t.strictSame(await call('/mcp', by(token)), { ...authInfo, ...ofResource })
  t.strictSame(await call('/mcp/tools', by(token)), { ...authInfo, ...ofResource })
  t.strictSame(await call('/other', by(token)), authInfo, 'a route of no resource')
})

t.test('withAuthInfo() reads the client as the usual providers name it', async (t) => {
  const { call, by } = await start()
  const rows: [claims: Record<string, unknown>, clientId: string][] = [
    [{ client_id: 'a', azp: 'b', cid: 'c', appid: 'd' }, 'a'],
    [{ azp: 'b', cid: 'c', appid: 'd' }, 'b'],
    [{ cid: 'c', appid: 'd' }, 'c'],
    [{ appid: 'd' }, 'd'],
    [{ client_id: ['a'], azp: 7 }, ''],
    [{}, '']
  ]
  for (const [claims, clientId] of rows) {
    t.equal((await call('/mcp', by(tokenFor(mcp, claims)))).clientId, clientId, JSON.stringify(claims))
  }
})

t.test(
  'withAuthInfo() names no resource for our own tokens of another audience, and no token of a cookie',
  async (t) => {
    const { call, by, signIn } = await start()
    const { access, cookie } = await signIn('bearer')
    t.match(await call('/mcp', by(access)), {
      token: access,
      clientId: '',
      scopes: [],
      resource: undefined,
      resourceMetadataUrl: metadataUrl
    })
    t.equal(cookie, '')
    const browser = await signIn('cookie')
    t.match(await call('/mcp', { cookie: browser.cookie }), { token: '', expiresAt: now + 600, isReturned: true })
    t.match(await call('/mcp', { cookie: browser.cookie, authorization: 'Basic eDp5' }), {
      token: '',
      isReturned: true
    })

    const own = await start({ audience: [issuer, mcp] })
    t.equal((await own.call('/mcp', own.by((await own.signIn('bearer')).access))).resource, mcp, 'an audience of ours')
  }
)

t.test('withAuthInfo() throws without a caller, so that no tool runs for an unknown one', async (t) => {
  const { app, call } = await start()
  const message = 'withAuthInfo() requires a caller: set "config.auth", or call request.authenticate() before it'
  t.match(await call('/anonymous', {}), { statusCode: 500, message })
  t.match(await call('/mcp/maybe', {}), { statusCode: 500, message })
  const token = await app.accessTokens.sign({ sub: 'robot' })
  t.match(await call('/anonymous', { authorization: `Bearer ${token}` }), { statusCode: 500 }, 'whatever it presents')
})
