import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { login, register, summaryOf } from '../fixtures/example-client.ts'
import { createInjected } from '../fixtures/example-server.ts'

t.test('the OpenAPI document describes the security, the body and the responses of every route', async (t) => {
  const { app } = await createInjected(t)
  const protectedRoutes = new Set([
    'post /auth/password',
    'post /auth/sign-in-again',
    'get /auth/account',
    'delete /auth/account',
    'get /auth/account/export',
    'post /auth/email',
    'post /auth/email/verify',
    'get /auth/passkeys',
    'post /auth/passkeys',
    'post /auth/passkeys/options',
    'patch /auth/passkeys/{id}',
    'delete /auth/passkeys/{id}',
    'get /auth/sessions',
    'delete /auth/sessions',
    'delete /auth/sessions/{id}',
    'get /me',
    'get /notes',
    'post /notes',
    'delete /notes/{id}',
    'get /admin/users',
    'post /admin/users/{id}/sign-out'
  ])
  const bodies = new Set([
    'post /auth/register',
    'post /auth/login',
    'post /auth/refresh',
    'post /auth/logout',
    'post /auth/password',
    'post /auth/password/forgot',
    'post /auth/password/reset',
    'post /auth/sign-in-again',
    'post /auth/email',
    'post /auth/email/verify',
    'post /auth/login/passkey',
    'post /auth/passkeys',
    'patch /auth/passkeys/{id}',
    'post /notes'
  ])
  const document = (await app.inject('/docs/json')).json()
  t.match(document.components.securitySchemes, {
    bearerAuth: { scheme: 'bearer' },
    cookieAuth: { in: 'cookie', name: '__Host-access' }
  })
  const empty = ['201 /auth/passkeys', '202 /auth/password/forgot', '202 /auth/email']
  const seen: string[] = []
  const operationIds = new Set<string>()
  for (const [path, methods] of Object.entries<Record<string, any>>(document.paths)) {
    for (const [method, route] of Object.entries(methods)) {
      const name = `${method} ${path}`
      seen.push(name)
      t.ok(route.summary && route.operationId, name)
      operationIds.add(route.operationId)
      t.strictSame(
        route.security,
        protectedRoutes.has(name) ? [{ bearerAuth: [] }, { cookieAuth: [] }] : undefined,
        `security of ${name}`
      )
      t.equal(route.requestBody?.content['application/json'].schema !== undefined, bodies.has(name), `body of ${name}`)
      const statuses = Object.keys(route.responses)
      t.ok(
        statuses.some((status) => /^20\d$/.test(status)),
        `${name} says what success is`
      )
      if (protectedRoutes.has(name)) {
        t.ok(statuses.includes('401') && statuses.includes('403'), `${name} says how it refuses`)
      }
      if (path.includes('{id}')) t.ok(statuses.includes('400'), `${name} says that an id can be malformed`)
      for (const [status, response] of Object.entries<any>(route.responses)) {
        t.notMatch(response.description, /^Default Response$/, `${name} ${status} is described`)
        if (status !== '204' && !empty.includes(`${status} ${path}`)) {
          const { schema } = response.content['application/json']
          t.ok(schema.$ref ?? schema.type ?? schema.anyOf, `${name} ${status} has a schema`)
          const error = schema.$ref === undefined ? schema : document.components.schemas[schema.$ref.split('/').at(-1)]
          if (status >= '400' && status !== '431') {
            t.ok(error.properties.code.enum.length > 0, `${name} ${status} lists its codes`)
          }
        }
      }
    }
  }
  t.equal(seen.length, 31)
  t.equal(operationIds.size, seen.length)
  t.strictSame(
    [...protectedRoutes, ...bodies].filter((name) => !seen.includes(name)),
    []
  )
})

t.test('/docs has the content security policy of all other routes, and allows one inline style', async (t) => {
  const { app } = await createInjected(t)
  const [page, me] = [await app.inject('/docs'), await app.inject('/me')]
  t.equal(page.statusCode, 200)
  t.match(page.headers['content-type'], 'text/html')
  t.notMatch(page.body, /<script>|<style>| style=/, 'no inline code')
  t.match(page.headers['content-security-policy'], "default-src 'none'")
  t.equal(
    String(page.headers['content-security-policy']).replace(/ 'sha256-[\w+/]+='/, ''),
    me.headers['content-security-policy']
  )
  t.match(me.headers, { 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' })
  t.notOk(me.headers['strict-transport-security'], 'not outside production')
})

t.test('an unexpected error causes a 500 without its message, and a response never repeats the URL', async (t) => {
  const { app, database } = await createInjected(t)
  await register(app, 'bob')
  Object.assign(database.users, {
    byName: async () => {
      throw new Error('SQLITE_CORRUPT in /srv/data')
    }
  })
  const response = await login(app, { username: 'bob' })
  t.equal(response.statusCode, 500)
  t.notMatch(response.body, /SQLITE|srv/)
  const missing = await app.inject('/nowhere?access_token=secret')
  t.strictSame(summaryOf(missing), [404, 'NOT_FOUND'])
  t.notMatch(missing.body, /secret/)
})

t.test('what only mails and passkeys need is not loaded at the start', (t) => {
  const isEager = /^import (?!type ).* from '(?:nodemailer|@simplewebauthn)/m
  const files = readdirSync('example-server', { recursive: true, encoding: 'utf8' }).filter((file) =>
    /\.ts$/.test(file)
  )
  t.ok(files.length > 50)
  const eager = files.filter((file) => isEager.test(readFileSync(`example-server/${file}`, 'utf8')))
  t.strictSame(eager, [])
  t.end()
})
