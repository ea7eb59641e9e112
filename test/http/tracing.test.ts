import { tracingChannel } from 'node:diagnostics_channel'
import { AsyncLocalStorage } from 'node:async_hooks'
import type { FastifyRequest } from 'fastify'
import t, { type Test } from 'tap'
import { AuthError, type AuthenticateTrace } from '../../plugin/index.ts'
import { traceAuthenticate } from '../../plugin/http/tracing.ts'
import { noRequirements } from '../../plugin/tokens/requirements.ts'
import { createApp, type TestOptions } from '../fixtures/app.ts'
import { bearer } from '../fixtures/signed-in.ts'

const channel = tracingChannel<unknown, AuthenticateTrace>('fastify-authenticate:authenticate')
const names = ['start', 'end', 'error', 'asyncStart', 'asyncEnd'] as const

/** Subscribes until the test ends. Returns what was published since the last call. */
function subscribe(t: Test) {
  const published: [(typeof names)[number], AuthenticateTrace][] = []
  const subscribers = Object.fromEntries(
    names.map((name) => [name, (trace: AuthenticateTrace) => published.push([name, trace])])
  )
  channel.subscribe(subscribers as never)
  t.teardown(() => channel.unsubscribe(subscribers as never))
  return () => published.splice(0)
}

const routes: TestOptions = {
  after(app) {
    app.get('/request', async (request) => (await request.authenticate()).sub)
    app.get('/hook', { onRequest: [app.authenticate] }, async ({ user }) => user.sub)
    app.get('/scoped', { config: { auth: { scopes: ['none'] } } }, async () => '')
  }
}

t.test('traceAuthenticate() publishes each call: who was authenticated, or why nobody was', async (t) => {
  const server = await createApp(routes)
  const { access, cookie } = await server.signIn('cookie')
  const published = subscribe(t)
  const rows: [url: string, headers: Record<string, string>, outcome: [string | null, string | null, string?]][] = [
    ['/me', bearer(access), ['alice', 'header']],
    ['/me', { cookie }, ['alice', 'cookie']],
    ['/request', bearer(access), ['alice', 'header']],
    ['/hook', bearer(access), ['alice', 'header']],
    ['/maybe', {}, [null, null]],
    ['/me', {}, [null, null, 'AUTH_NO_CREDENTIALS']],
    ['/me', bearer(`${access}x`), [null, null, 'AUTH_INVALID_TOKEN']],
    ['/scoped', bearer(access), [null, null, 'AUTH_INSUFFICIENT_SCOPE']]
  ]
  for (const [url, headers, [sub, source, code]] of rows) {
    await server.app.inject({ url, headers })
    const all = published()
    const sequence = ['start', 'end', ...(code ? ['error'] : []), 'asyncStart', 'asyncEnd']
    t.strictSame(
      all.map(([name]) => name),
      sequence,
      url
    )
    t.equal(new Set(all.map(([, trace]) => trace)).size, 1, 'one object for each call')
    const { request, error, result, ...rest } = all[0]![1]
    t.strictSame(rest, { sub, source })
    t.equal(request.url, url)
    t.equal(error instanceof AuthError ? error.code : error, code)
    t.equal(result?.sub, sub ?? undefined)
  }
})

t.test('traceAuthenticate() passes the call on unchanged without subscribers', async (t) => {
  const request = {} as FastifyRequest
  let received: unknown[] = []
  const outcomes = [null, Promise.resolve(null)]
  for (const outcome of outcomes) {
    const authenticate = traceAuthenticate((...args) => {
      received = args
      return outcome
    })
    t.equal(authenticate(request, noRequirements), outcome)
    t.strictSame(received, [request, noRequirements])
  }
})

t.test('traceAuthenticate() returns what the call returned, even if another call has reset the request', async (t) => {
  const user = { sub: 'alice' } as never
  const traces: unknown[] = []
  const subscriber = (trace: unknown) => traces.push(trace)
  channel.asyncEnd.subscribe(subscriber)
  t.teardown(() => channel.asyncEnd.unsubscribe(subscriber))
  const request = { auth: null } as FastifyRequest
  t.equal(await traceAuthenticate(async () => user)(request, noRequirements), user)
  t.strictSame(traces, [{ request, sub: 'alice', source: null, result: user }])
})

t.test('traceAuthenticate() runs in the stores that are bound to its start, and the handler does not', async (t) => {
  const spans = new AsyncLocalStorage<string>()
  const inside: unknown[] = []
  const server = await createApp({
    plugin: { onEvent: () => inside.push(spans.getStore()) },
    after: (app) => app.get('/span', { config: { auth: { optional: true } } }, async () => spans.getStore() ?? 'none')
  })
  channel.start.bindStore(spans, () => 'authenticate')
  t.teardown(() => channel.start.unbindStore(spans))
  const run = (url: string) => spans.run('request', async () => await server.app.inject(url))
  t.equal((await run('/span')).body, 'request', "the handler's span is a sibling of the one of authenticate()")
  await run('/me')
  t.strictSame(inside, ['authenticate'], 'token-refused')
})

t.test('a subscriber that throws does not fail the request: Node reports an uncaught exception', async (t) => {
  const server = await createApp()
  const { access } = await server.signIn('bearer')
  const uncaught: unknown[] = []
  process.setUncaughtExceptionCaptureCallback((error) => uncaught.push(error))
  t.teardown(() => process.setUncaughtExceptionCaptureCallback(null))
  const bug = new Error('a bug of the subscriber')
  const subscriber = () => {
    throw bug
  }
  channel.start.subscribe(subscriber)
  t.teardown(() => channel.start.unsubscribe(subscriber))
  const response = await server.app.inject({ url: '/me', headers: bearer(access) })
  t.equal(response.statusCode, 200)
  t.strictSame(uncaught, [bug])
})
