import type { FastifyInstance } from 'fastify'
import t from 'tap'
import type { AuthenticateOptions } from '../../../plugin/index.ts'
import { createTestAuth } from '../../../plugin/testing.ts'
import { importBlock } from '../printed-code.ts'

const page = 'docs/recipes/tenants.md'
type CreateApp = (options: Partial<AuthenticateOptions>) => Promise<FastifyInstance>

t.test('a claim: nobody sees the data of another tenant', async (t) => {
  const { createApp } = await importBlock<{ createApp: CreateApp }>(page, 'claim')
  const app = await createApp(createTestAuth().options)
  t.teardown(() => app.close())
  const signIn = async (id: string, password: string) => {
    const response = await app.inject({ method: 'POST', url: '/login', payload: { id, password } })
    return { authorization: `Bearer ${response.json<{ access_token: string }>().access_token}` }
  }
  const red = await signIn('u1', 'wonderland')
  const blue = await signIn('u2', 'christmas')
  const get = async (url: string, headers = {}) => {
    const response = await app.inject({ url, headers })
    return response.statusCode === 200 ? response.json<object[]>() : response.statusCode
  }
  t.strictSame(await get('/tenants/red/invoices', red), [{ tenant: 'red', total: 100 }])
  t.strictSame(await get('/tenants/blue/invoices', blue), [{ tenant: 'blue', total: 200 }])
  t.equal(await get('/tenants/blue/invoices', red), 404)
  t.equal(await get('/tenants/red/invoices', blue), 404)
  t.equal(await get('/tenants/red/invoices'), 401)
})

t.test('registrations: a token, a cookie and a sign-out of one tenant do nothing at another', async (t) => {
  process.env.AUTH_SECRET_RED = 'the secret of the red tenant, of 32 bytes'
  process.env.AUTH_SECRET_BLUE = process.env.AUTH_SECRET_RED
  const { app } = await importBlock<{ app: FastifyInstance }>(page, 'registrations')
  t.teardown(() => app.close())
  const signIn = async (tenant: string) => {
    const { cookies } = await app.inject({ method: 'POST', url: `/${tenant}/login` })
    t.strictSame(
      cookies.map(({ name }) => name),
      [`__Host-${tenant}-access`, `__Host-${tenant}-refresh`]
    )
    return Object.fromEntries(cookies.map(({ name, value }) => [name, value]))
  }
  const red = await signIn('red')
  const blue = await signIn('blue')
  const get = async (url: string, cookies: Record<string, string>) => (await app.inject({ url, cookies })).statusCode
  const both = { ...red, ...blue }
  t.equal(await get('/red/me', both), 200)
  t.equal(await get('/blue/me', both), 200)
  t.equal(await get('/blue/me', red), 401)

  // An attacker renames the cookies.
  const renamed = { '__Host-blue-access': red['__Host-red-access']!, '__Host-blue-refresh': red['__Host-red-refresh']! }
  t.equal(await get('/blue/me', renamed), 401)
  const refresh = await app.inject({ method: 'POST', url: '/blue/refresh', cookies: renamed })
  t.equal(refresh.statusCode, 401, 'with the same secret, too')
  const authorization = `Bearer ${red['__Host-red-access']!}`
  t.equal((await app.inject({ url: '/blue/me', headers: { authorization } })).statusCode, 401)

  const devices = await app.inject({ url: '/red/devices', cookies: red })
  t.equal(devices.json<object[]>().length, 1, 'alice of blue is somebody else')
  t.equal((await app.inject({ method: 'POST', url: '/red/logout', cookies: both })).statusCode, 204)
  t.equal(await get('/red/me', both), 401)
  t.equal(await get('/blue/me', both), 200)
  t.notOk(app.hasDecorator('sessions'))
})

t.test("the tenants' identity providers", async (t) => {
  const { createApp, trustedIssuers } = await importBlock<{
    createApp: CreateApp
    trustedIssuers: (iss: string) => Promise<{ audience: string } | null>
  }>(page, 'providers')
  const auth = createTestAuth()
  const [red, blue, green] = ['red', 'blue', 'green'].map((name) => auth.issuer(`https://login.${name}.example`))
  const issuers = [red!, blue!, green!]
  const app = await createApp({
    ...auth.options,
    trustedIssuers: async (iss: string) => {
      const entry = await trustedIssuers(iss)
      return entry && issuers.find(({ issuer }) => issuer === iss)!.trust(entry)
    }
  })
  t.teardown(() => app.close())
  const me = async (token: string) => {
    const response = await app.inject({ url: '/me', headers: { authorization: `Bearer ${token}` } })
    return response.statusCode === 200 ? response.json<object>() : response.statusCode
  }
  const aud = 'https://api.example.com'
  t.strictSame(await me(await red!.token({ sub: '1', aud })), { tenant: 'red', user: 'red:1' })
  t.strictSame(await me(await blue!.token({ sub: '1', aud, tenant: 'red' })), { tenant: 'blue', user: 'blue:1' })
  t.equal(await me(await green!.token({ sub: '1', aud })), 401, 'not a tenant')
  t.equal(await me(await blue!.token({ sub: '1', aud, iss: red!.issuer })), 401, "in another's name")
})
