import { generateKeyPairSync } from 'node:crypto'
import awsLambdaFastify from '@fastify/aws-lambda'
import type { ALBEvent, APIGatewayProxyEvent, APIGatewayProxyEventV2, Context } from 'aws-lambda'
import Fastify, { type FastifyInstance } from 'fastify'
import { Pool } from 'pg'
import t, { type Test } from 'tap'
import authenticate, { type AuthenticateOptions } from 'fastify-authenticate'
import { memoryStore } from '../../../plugin/stores/memory.ts'
import { postgresStore } from '../../../plugin/stores/postgres.ts'
import { skip, startPostgres } from '../../fixtures/postgres-server.ts'
import { importRecipe } from '../printed-code.ts'
import './recipe-application.ts'

interface Result {
  statusCode: number
  headers: Record<string, string>
  body: string
  cookies?: string[]
  multiValueHeaders?: Record<string, string[]>
}
type Handler = (event: object, context: Context) => Promise<Result>

const page = 'docs/recipes/aws-lambda.md'
const client = '203.0.113.9'
const context = { awsRequestId: 'request-1', functionName: 'api' } as Context

interface Request {
  method?: string
  path: string
  headers?: Record<string, string>
  cookies?: string[]
  body?: string
}

/** As an HTTP API or a function URL sends it. */
function httpApi({ method = 'GET', path, headers = {}, cookies, body }: Request): APIGatewayProxyEventV2 {
  const domainName = 'api.example.com'
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString: '',
    ...(cookies && { cookies }),
    headers: {
      host: domainName,
      'x-forwarded-for': client,
      'x-forwarded-port': '443',
      'x-forwarded-proto': 'https',
      ...headers
    },
    requestContext: {
      accountId: '123456789012',
      apiId: 'a1b2c3',
      domainName,
      domainPrefix: 'api',
      http: { method, path, protocol: 'HTTP/1.1', sourceIp: client, userAgent: 'agent' },
      requestId: 'JKJaXmPLvHcESHA=',
      routeKey: '$default',
      stage: '$default',
      time: '26/Nov/2026:10:00:00 +0000',
      timeEpoch: 1_795_600_000_000
    },
    ...(body !== undefined && { body }),
    isBase64Encoded: false
  }
}

/** As a REST API sends it. */
function restApi({ method = 'GET', path, headers = {}, cookies, body }: Request): APIGatewayProxyEvent {
  const given: Record<string, string> = {
    Host: 'api.example.com',
    'X-Forwarded-For': `${client}`,
    'X-Forwarded-Proto': 'https',
    ...(cookies && { Cookie: cookies.join('; ') }),
    ...headers
  }
  return {
    resource: '/{proxy+}',
    path,
    httpMethod: method,
    headers: given,
    multiValueHeaders: Object.fromEntries(Object.entries(given).map(([name, value]) => [name, [value]])),
    queryStringParameters: null,
    multiValueQueryStringParameters: null,
    pathParameters: { proxy: path.slice(1) },
    stageVariables: null,
    requestContext: {
      stage: 'prod',
      identity: { sourceIp: client },
      requestId: 'one',
      resourcePath: '/{proxy+}'
    } as never,
    body: body ?? null,
    isBase64Encoded: false
  }
}

/** As a load balancer sends it, with or without multi-value headers. */
function loadBalancer({ method = 'GET', path, headers = {}, cookies, body }: Request, isMulti: boolean): ALBEvent {
  const given: Record<string, string> = {
    host: 'api.example.com',
    'x-forwarded-for': client,
    'x-forwarded-proto': 'https',
    ...(cookies && { cookie: cookies.join('; ') }),
    ...headers
  }
  return {
    requestContext: {
      elb: { targetGroupArn: 'arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/api/1' }
    },
    httpMethod: method,
    path,
    ...(isMulti
      ? { multiValueHeaders: Object.fromEntries(Object.entries(given).map(([name, value]) => [name, [value]])) }
      : { headers: given }),
    body: body ?? '',
    isBase64Encoded: false
  }
}

const json = { 'content-type': 'application/json' }
const login: Request = { method: 'POST', path: '/login', headers: json, body: '{"username":"alice"}' }
const pairsOf = (lines: readonly string[] = []) => lines.map((line) => line.split(';')[0]!)

async function createHandler(t: Test, options: Partial<AuthenticateOptions> = { store: memoryStore() }) {
  const { createHandler } = await importRecipe<{ createHandler(options: object): Promise<Handler> }>(t, {
    page,
    file: 'file app.ts'
  })
  const handler = await createHandler(options)
  return async (event: object) => await handler(event, context)
}

t.test('an HTTP API gets both cookies as a list, and sends them back as one', async (t) => {
  const send = await createHandler(t)
  const signedIn = await send(httpApi(login))
  t.equal(signedIn.statusCode, 200)
  t.equal(signedIn.headers['set-cookie'], undefined)
  t.match(signedIn.cookies, [/^__Host-access=.*; Secure/, /^__Host-refresh=.*; Secure/])
  const cookies = pairsOf(signedIn.cookies)
  t.strictSame(JSON.parse((await send(httpApi({ path: '/me', cookies }))).body), { sub: 'alice', ip: client })
  t.equal((await send(httpApi({ path: '/me' }))).statusCode, 401)
  const refused = await send(httpApi({ path: '/me', headers: { authorization: 'Bearer x' } }))
  t.match(refused.headers['www-authenticate'], 'error="invalid_token"')

  const post = async (headers: Record<string, string>) =>
    (await send(httpApi({ method: 'POST', path: '/notes', cookies, headers }))).statusCode
  t.equal(await post({ origin: 'https://api.example.com' }), 200)
  t.equal(await post({ origin: 'http://api.example.com' }), 403, 'the scheme is known')
  t.equal(await post({ origin: 'https://evil.example' }), 403)
  t.equal(await post({ 'sec-fetch-site': 'cross-site' }), 403)
  t.equal((await send(httpApi({ method: 'POST', path: '/refresh', cookies }))).cookies?.length, 2)
  const out = await send(httpApi({ method: 'POST', path: '/logout', cookies }))
  t.match(out.cookies, [/Max-Age=0/, /Max-Age=0/])
  t.equal((await send(httpApi({ path: '/me', cookies }))).statusCode, 401)
})

t.test('a client cannot choose its address by a header', async (t) => {
  const send = await createHandler(t)
  const cookies = pairsOf((await send(httpApi(login))).cookies)
  const headers = { 'x-forwarded-for': `198.51.100.1, ${client}` }
  t.equal(JSON.parse((await send(httpApi({ path: '/me', cookies, headers }))).body).ip, client)
})

t.test('Fastify trusts no proxy with a number of hops, and the refusal says so', async (t) => {
  const details: string[] = []
  const app: FastifyInstance = Fastify({ trustProxy: 1 as never })
  t.teardown(() => app.close())
  const handler = awsLambdaFastify(app)
  await app.register(authenticate, {
    issuer: 'https://api.example.com',
    secret: process.env.AUTH_SECRET!,
    onEvent: (event) => {
      if (event.type === 'cross-site-refused') details.push(event.detail)
    }
  })
  app.post('/login', async (_request, reply) => await reply.signIn({ sub: 'alice', transport: 'cookie' }))
  const headers = { ...json, origin: 'https://api.example.com' }
  const response = (await handler(httpApi({ ...login, headers }), context)) as Result
  t.equal(response.statusCode, 403)
  t.match(details, [/only the scheme differs.*of a number of hops, Fastify trusts none/])
})

t.test('a REST API gets both cookies as multi-value headers', async (t) => {
  const send = await createHandler(t)
  const signedIn = await send(restApi(login))
  t.equal(signedIn.multiValueHeaders?.['set-cookie']?.length, 2)
  const cookies = pairsOf(signedIn.multiValueHeaders!['set-cookie'])
  t.strictSame(JSON.parse((await send(restApi({ path: '/me', cookies }))).body), { sub: 'alice', ip: client })
})

t.test('a load balancer passes the cookies on only with multi-value headers', async (t) => {
  const send = await createHandler(t)
  const lost = await send(loadBalancer(login, false))
  t.equal(lost.headers['set-cookie'], undefined, 'as the page says')

  const app: FastifyInstance = Fastify({ trustProxy: (_address, hop) => hop < 1 })
  t.teardown(() => app.close())
  const handler = awsLambdaFastify(app, { albMultiValueHeaders: true })
  await app.register(authenticate, { issuer: 'https://api.example.com', secret: process.env.AUTH_SECRET! })
  app.post('/login', async (_request, reply) => await reply.signIn({ sub: 'alice', transport: 'cookie' }))
  app.get('/me', { config: { auth: true } }, async ({ user, ip }) => ({ sub: user.sub, ip }))
  const signedIn = (await handler(loadBalancer(login, true), context)) as Result
  const cookies = pairsOf(signedIn.multiValueHeaders?.['set-cookie'])
  t.equal(cookies.length, 2)
  const me = (await handler(loadBalancer({ path: '/me', cookies }, true), context)) as Result
  t.strictSame(JSON.parse(me.body), { sub: 'alice', ip: client })
})

t.test('a process that was frozen learns of a sign-out before its next request', { skip }, async (t) => {
  const server = await startPostgres()
  const pools = [1, 2].map(() => new Pool({ ...server.connection, max: 1 }))
  t.teardown(async () => {
    await Promise.all(pools.map((pool) => pool.end()))
    await server.stop()
  })
  let now = Date.now()
  const clock = () => now
  const [first, second] = await Promise.all(
    pools.map(async (pool) => await createHandler(t, { store: postgresStore(pool), clock }))
  )
  const cookies = pairsOf((await first!(httpApi(login))).cookies)
  t.equal((await first!(httpApi({ path: '/me', cookies }))).statusCode, 200)
  t.equal((await second!(httpApi({ method: 'POST', path: '/logout', cookies }))).statusCode, 204)
  now += 11_000
  t.equal((await first!(httpApi({ path: '/me', cookies }))).statusCode, 401)
})

t.test('keys of a function are loaded at the start, and again after a pause of five minutes', async (t) => {
  const key = generateKeyPairSync('ed25519').privateKey
  let calls = 0
  const keys = async () => {
    calls++
    return [{ key, kid: 'one' }]
  }
  const realNow = Date.now
  t.teardown(() => {
    Date.now = realNow
  })
  const send = await createHandler(t, { store: memoryStore(), keys })
  await send(httpApi({ path: '/me' }))
  t.equal(calls, 1)
  Date.now = () => realNow() + 301_000
  await Promise.all([send(httpApi({ path: '/me' })), send(httpApi({ path: '/me' }))])
  t.equal(calls, 2)
})
