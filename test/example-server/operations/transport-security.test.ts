import { readConfig } from '../../../example-server/config/config.ts'
import { warnOfTrustedClients } from '../../../example-server/operations/transport-security.ts'
import type { InjectOptions } from 'fastify'
import t from 'tap'
import { password, production } from '../../fixtures/example-client.ts'
import { createInjected } from '../../fixtures/example-server.ts'

/** Requests with a password or a refresh token. */
const credentials: [string, object][] = [
  ['/auth/register', { username: 'bob', password }],
  ['/auth/login', { username: 'bob', password }],
  ['/auth/login', { username: 'bob', password, transport: 'cookie' }],
  ['/auth/refresh', { refresh_token: 'x' }],
  ['/auth/logout', { refresh_token: 'x' }]
]

t.test(
  'in production passwords and tokens are refused over plain http, even from loopback or an undeclared proxy',
  async (t) => {
    let hashed = 0
    const hashing = { hash: async () => '$argon2id$', verify: async () => ++hashed > 0 }
    const { app } = await createInjected(t, {
      env: { ...production, ALLOW_REGISTRATION: 'true', TRUST_PROXY: '192.0.2.1' },
      hashing
    })
    const send = async (options: InjectOptions) => {
      const response = await app.inject({ method: 'POST', ...options })
      return [response.statusCode, response.json().code]
    }
    for (const [url, payload] of credentials) {
      const overTls = { 'x-forwarded-proto': 'https' }
      for (const plain of [
        {},
        { headers: overTls },
        { remoteAddress: '192.0.2.1' },
        { remoteAddress: '192.0.2.1', headers: { 'x-forwarded-proto': 'http' } }
      ]) {
        t.strictSame(await send({ url, payload, ...plain }), [403, 'HTTPS_REQUIRED'], `${url} ${JSON.stringify(plain)}`)
      }
      const { statusCode, body } = await app.inject({
        method: 'POST',
        url,
        payload,
        remoteAddress: '192.0.2.1',
        headers: overTls
      })
      t.ok(statusCode === 204 || JSON.parse(body).code !== 'HTTPS_REQUIRED', `${url} over https`)
    }
    t.ok(hashed <= 2, 'only the sign-ins over https are hashed')
    const token = await app.accessTokens.sign({ sub: 'bob', claims: { name: 'bob', roles: [] } })
    const payload = { current_password: password, new_password: 'a new password' }
    t.strictSame(await send({ url: '/auth/password', headers: { authorization: `Bearer ${token}` }, payload }), [
      403,
      'HTTPS_REQUIRED'
    ])
  }
)

t.test('in production a sign-out by refresh token over plain http is refused, and the session stays', async (t) => {
  const {
    app,
    database: { users },
    passwords
  } = await createInjected(t, { env: { ...production, TRUST_PROXY: '192.0.2.1' } })
  await users.add({ name: 'bob', passwordHash: await passwords.hash(password) })
  const overTls = { remoteAddress: '192.0.2.1', headers: { 'x-forwarded-proto': 'https' } }
  const { refresh_token: token } = (
    await app.inject({ method: 'POST', url: '/auth/login', payload: { username: 'bob', password }, ...overTls })
  ).json()
  const send = async (url: string, more: object) =>
    await app.inject({ method: 'POST', url, payload: { refresh_token: token }, ...more })
  const refused = await send('/auth/logout', {})
  t.strictSame([refused.statusCode, refused.json().code], [403, 'HTTPS_REQUIRED'])
  t.equal((await send('/auth/refresh', overTls)).statusCode, 200)
  t.equal((await send('/auth/logout', overTls)).statusCode, 204)
  t.equal((await send('/auth/refresh', overTls)).statusCode, 401)
})

t.test('in production every route whose body has a password or a token refuses plain http', async (t) => {
  const { app } = await createInjected(t, { env: production })
  const token = await app.accessTokens.sign({ sub: 'bob', claims: { name: 'bob', roles: [] } })
  const { paths, components } = (await app.inject('/docs/json')).json()
  /** The schema of a body, with the schemas that it names. */
  const textOf = (requestBody: unknown): string =>
    JSON.stringify(requestBody ?? null, (_name, value) =>
      typeof value?.$ref === 'string' ? components.schemas[value.$ref.split('/').at(-1)] : value
    )
  const routes = Object.entries<any>(paths).flatMap(([url, methods]) =>
    Object.entries<any>(methods).map(([method, { requestBody }]) => ({ url, method, requestBody }))
  )
  const withCredentials = routes.filter(({ requestBody }) =>
    /"[a-z_]*(password|token|secret)[a-z_]*":/.test(textOf(requestBody))
  )
  t.strictSame(withCredentials.map(({ url }) => url).sort(), [
    '/auth/email/verify',
    '/auth/login',
    '/auth/logout',
    '/auth/password',
    '/auth/password/reset',
    '/auth/refresh',
    '/auth/register',
    '/auth/sign-in-again'
  ])
  for (const { url, method } of withCredentials) {
    const response = await app.inject({
      method: method.toUpperCase(),
      url,
      headers: { authorization: `Bearer ${token}` }
    })
    t.strictSame([response.statusCode, response.json().code], [403, 'HTTPS_REQUIRED'], url)
  }
})

t.test('warnOfTrustedClients() warns if TRUST_PROXY contains every client', async (t) => {
  for (const TRUST_PROXY of ['true', '0.0.0.0/0']) {
    t.equal(
      warnOfTrustedClients(readConfig({ TRUST_PROXY })),
      'TRUST_PROXY trusts every client: each can forge its address (X-Forwarded-For) and so evade the limits on ' +
        'guessing. List only the addresses of your proxies'
    )
  }
  for (const TRUST_PROXY of ['', 'false', '10.0.0.0/8']) {
    t.equal(warnOfTrustedClients(readConfig({ TRUST_PROXY })), null)
  }
})
