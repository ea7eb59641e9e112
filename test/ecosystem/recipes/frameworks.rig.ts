// docs/recipes: nestjs.md, trpc.md, mercurius.md and autoload.md
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { NestFastifyApplication } from '@nestjs/platform-fastify'
import { createTRPCClient, httpBatchLink, TRPCClientError } from '@trpc/client'
import type { AnyTRPCRouter } from '@trpc/server'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import ts from 'typescript'
import type { AuthenticateOptions } from '../../../plugin/index.ts'
import { namedBlock } from '../../fixtures/named-block.ts'
import { cookieHeader, issuer, secret } from '../beside/beside.ts'

process.env.AUTH_SECRET = secret
process.env.ALICE_PASSWORD = 'wonderland'
const folder = join(import.meta.dirname, '../.cache/frameworks')
const plugin = pathToFileURL(join(import.meta.dirname, '../../../plugin/index.ts')).href
const challenge = `Bearer realm="${issuer}"`

/** Writes a block as JavaScript, with the decorators of NestJS; returns its address. */
function write(file: string, code: string): string {
  const path = join(folder, file.replace(/\.ts$/, '.js'))
  mkdirSync(dirname(path), { recursive: true })
  const { outputText } = ts.transpileModule(code.replaceAll("'fastify-authenticate'", `'${plugin}'`), {
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      experimentalDecorators: true,
      emitDecoratorMetadata: true
    }
  })
  writeFileSync(path, outputText)
  return pathToFileURL(path).href
}

type CreateApp<App> = (options?: Partial<AuthenticateOptions>) => Promise<App>

async function importApp<App>(page: string): Promise<CreateApp<App>> {
  const file = `${page.replace(/\W/g, '-')}.ts`
  return ((await import(write(file, namedBlock(page, 'application')))) as { createApp: CreateApp<App> }).createApp
}

async function start<App extends { close: () => unknown }>(
  t: Test,
  { createApp, options }: { createApp: CreateApp<App>; options?: Partial<AuthenticateOptions> }
): Promise<App> {
  const app = await createApp(options)
  t.teardown(async () => {
    await app.close()
  })
  return app
}

const bearer = async (app: FastifyInstance, claims: { scope?: string; claims?: object } = {}) => ({
  authorization: `Bearer ${await app.accessTokens.sign({ sub: 'alice', ...claims } as never)}`
})

t.test('NestJS: docs/recipes/nestjs.md', async (t) => {
  const nest = await start(t, { createApp: await importApp<NestFastifyApplication>('docs/recipes/nestjs.md') })
  const app = nest.getHttpAdapter().getInstance() as unknown as FastifyInstance
  await app.ready()
  const get = (url: string, headers = {}) => app.inject({ url, headers })

  await t.test('a method without @Auth requires a user, and the filter sends code and challenge', async (t) => {
    for (const url of ['/me', '/notes', '/users']) {
      const refused = await get(url)
      t.strictSame(
        [refused.statusCode, refused.json(), refused.headers['www-authenticate']],
        [401, { statusCode: 401, code: 'AUTH_NO_CREDENTIALS', message: 'Authentication is required' }, challenge]
      )
    }
    t.strictSame((await get('/me', await bearer(app))).json(), { sub: 'alice' })
    t.equal((await get('/none')).statusCode, 404)
  })

  await t.test('@Auth compares scopes and roles', async (t) => {
    t.equal((await get('/notes', await bearer(app))).json().code, 'AUTH_INSUFFICIENT_SCOPE')
    t.strictSame((await get('/notes', await bearer(app, { scope: 'notes:read' }))).json(), ['buy milk'])
    t.equal((await get('/users', await bearer(app))).json().code, 'AUTH_INSUFFICIENT_ROLE')
    t.strictSame((await get('/users', await bearer(app, { claims: { roles: ['admin'] } }))).json(), ['alice'])
  })

  await t.test('sign-in, refresh, a method that calls authenticate(), and sign-out', async (t) => {
    const login = (password: string) =>
      app.inject({ method: 'POST', url: '/login', payload: { username: 'alice', password } })
    t.equal((await login('wrong')).statusCode, 401)
    const withoutBody = await app.inject({ method: 'POST', url: '/login' })
    t.equal(withoutBody.statusCode, 401)
    const cookie = cookieHeader(await login('wonderland'))
    const post = (url: string, headers: object = { cookie }) =>
      app.inject({ method: 'POST', url, headers: { ...headers } })
    t.strictSame((await get('/notes', { cookie })).json(), ['buy milk'])
    const transferred = await post('/transfer')
    t.strictSame([transferred.statusCode, transferred.json()], [201, { of: 'alice' }])
    const stale = await post('/transfer', await bearer(app))
    t.equal(stale.json().code, 'AUTH_STALE_AUTHENTICATION')
    t.match(stale.headers['www-authenticate'], 'max_age="300"')
    t.equal((await post('/refresh')).statusCode, 200)
    t.equal((await post('/logout')).statusCode, 204)
    t.equal((await get('/me', { cookie })).json().code, 'AUTH_REVOKED_TOKEN')
  })
})

t.test('tRPC: docs/recipes/trpc.md', async (t) => {
  const createApp = await importApp<FastifyInstance>('docs/recipes/trpc.md')

  async function connect(t: Test, options: Partial<AuthenticateOptions> = {}) {
    const app = await start(t, { createApp, options })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/trpc`
    const client = (headers: Record<string, string> = {}) =>
      createTRPCClient<AnyTRPCRouter>({ links: [httpBatchLink({ url, headers })] }) as unknown as Record<
        string,
        { query: () => Promise<unknown>; mutate: () => Promise<unknown> }
      >
    return { app, url, client }
  }
  const refusal = async (pending: Promise<unknown>) => {
    const error = await pending.then(
      () => null,
      (error) => error as TRPCClientError<AnyTRPCRouter>
    )
    return [error?.data?.httpStatus, error?.data?.authCode]
  }

  await t.test('procedures say who may call them', async (t) => {
    const { app, url, client } = await connect(t)
    const nobody = client()
    t.equal(await nobody.hello!.query(), 'Hello')
    t.strictSame(await refusal(nobody.me!.query()), [401, 'AUTH_NO_CREDENTIALS'])
    t.strictSame(await refusal(client({ authorization: 'Bearer a.b.c' }).me!.query()), [401, 'AUTH_INVALID_TOKEN'])
    const alice = client(await bearer(app))
    t.equal(await alice.me!.query(), 'alice')
    t.strictSame(await refusal(alice.notes!.query()), [403, 'AUTH_INSUFFICIENT_SCOPE'])
    t.equal((await fetch(`${url}/me`)).headers.get('www-authenticate'), challenge)
    const [hello, me] = await Promise.allSettled([nobody.hello!.query(), nobody.me!.query()])
    t.strictSame([hello.status, me.status], ['fulfilled', 'rejected'], 'a refusal in a batch')
    t.equal((await fetch(`${url}/hello,me?batch=1&input={}`)).status, 207)
  })

  await t.test('mutations by cookie come from the own site, and sign-out works in a procedure', async (t) => {
    const { app, client } = await connect(t)
    const signedIn = await app.inject({ method: 'POST', url: '/login' })
    const { access_token: token } = signedIn.json()
    const cookie = `__Host-access=${token}`
    t.equal(await client({ cookie, 'sec-fetch-site': 'same-origin' }).addNote!.mutate(), 'alice')
    const foreign = client({ cookie, 'sec-fetch-site': 'cross-site' })
    t.strictSame(await refusal(foreign.addNote!.mutate()), [403, 'AUTH_CROSS_SITE'])
    const alice = client({ authorization: `Bearer ${token}` })
    await alice.signOut!.mutate()
    t.strictSame(await refusal(alice.me!.query()), [401, 'AUTH_REVOKED_TOKEN'])
  })

  await t.test("under protect: 'all' the plugin refuses before tRPC", async (t) => {
    const { client } = await connect(t, { protect: 'all' })
    const error = (await client()
      .hello!.query()
      .catch((error: unknown) => error)) as TRPCClientError<AnyTRPCRouter>
    t.strictSame([error.data?.authCode, (error.meta?.response as Response).status], [undefined, 401])
  })
})

t.test('mercurius-auth: docs/recipes/mercurius.md', async (t) => {
  const createApp = await importApp<FastifyInstance>('docs/recipes/mercurius.md')
  const app = await start(t, { createApp })
  const ask = async (query: string, headers = {}) => {
    const response = await app.inject({ method: 'POST', url: '/graphql', headers, payload: { query } })
    const { data, errors } = response.json()
    return { status: response.statusCode, challenge: response.headers['www-authenticate'], data, errors }
  }

  await t.test('fields say who may read them', async (t) => {
    t.strictSame((await ask('{ hello }')).data, { hello: 'Hello' })
    const nobody = await ask('{ me }')
    t.match(nobody, { status: 401, challenge, data: null, errors: [{ extensions: { code: 'AUTH_NO_CREDENTIALS' } }] })
    const alice = await bearer(app)
    t.strictSame((await ask('{ hello me }', alice)).data, { hello: 'Hello', me: 'alice' })
    const partial = await ask('{ me notes users }', alice)
    t.match(partial, { status: 200, data: { me: 'alice', notes: null, users: null } })
    t.strictSame(
      partial.errors.map((error: { extensions: object }) => error.extensions),
      [{ code: 'AUTH_INSUFFICIENT_SCOPE' }, { code: 'AUTH_INSUFFICIENT_ROLE' }]
    )
    const reader = await bearer(app, { scope: 'notes:read' })
    t.strictSame((await ask('{ notes }', reader)).data, { notes: ['buy milk'] })
  })

  await t.test('a bad token is refused before GraphQL, by GET and POST', async (t) => {
    const bad = { authorization: 'Bearer a.b.c' }
    const refused = await ask('{ hello }', bad)
    t.match(refused, { status: 401, challenge: /error="invalid_token"/ })
    t.equal((await app.inject({ url: '/graphql?query={hello}', headers: bad })).statusCode, 401)
  })

  await t.test('mutations by cookie come from the own site', async (t) => {
    const cookie = `__Host-access=${(await bearer(app)).authorization.slice(7)}`
    const add = (site: string) => ask('mutation { addNote(text: "x") }', { cookie, 'sec-fetch-site': site })
    t.strictSame((await add('same-origin')).data, { addNote: 'x' })
    t.equal((await add('cross-site')).status, 403)
  })
})

t.test('@fastify/autoload: docs/recipes/autoload.md', async (t) => {
  const page = 'docs/recipes/autoload.md'
  const files = [
    'app.ts',
    'plugins/authenticate.ts',
    'routes/notes/index.ts',
    'routes/public/.autohooks.ts',
    'routes/public/index.ts'
  ]
  t.strictSame(namedBlock(page, 'files').trim().split('\n'), files)
  rmSync(join(folder, 'autoload'), { recursive: true, force: true })
  const [url] = files.map((file) => write(`autoload/${file}`, namedBlock(page, file)))
  const { createApp } = (await import(url!)) as { createApp: CreateApp<FastifyInstance> }
  const app = await start(t, { createApp })
  const send = (method: 'GET' | 'POST', path: string, headers = {}) => app.inject({ method, url: path, headers })
  t.equal((await send('GET', '/notes')).json().code, 'AUTH_NO_CREDENTIALS')
  t.equal((await send('POST', '/notes')).json().code, 'AUTH_NO_CREDENTIALS')
  const reader = await bearer(app, { scope: 'notes:read' })
  t.strictSame((await send('GET', '/notes', reader)).json(), ['notes of alice'])
  t.strictSame((await send('POST', '/notes', await bearer(app))).json(), { savedBy: 'alice' })
  t.equal((await send('GET', '/public/status')).body, 'ok')
})
