import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
  type ReadableSpan
} from '@opentelemetry/sdk-trace-node'
import fastify from 'fastify'
import t from 'tap'
import authenticate from '../../plugin/index.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { issuer, secret } from '../fixtures/app.ts'
import { namedBlock } from '../fixtures/named-block.ts'
import { bearer } from '../fixtures/signed-in.ts'

const exporter = new InMemorySpanExporter()
new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register()
const tracer = trace.getTracer('the application')

const recipe = namedBlock('docs/observability.md', 'opentelemetry')
const code = recipe.replace("'@opentelemetry/api'", `'${import.meta.resolve('@opentelemetry/api')}'`)

/** An application whose requests have a span, as an instrumented HTTP server makes one. */
async function createApp() {
  let down = false
  const memory = memoryStore()
  const app = fastify()
  app.addHook('onRequest', (request, reply, done) => {
    const span = tracer.startSpan(request.url, { kind: SpanKind.SERVER })
    reply.raw.once('finish', () => span.end())
    context.with(trace.setSpan(context.active(), span), done)
  })
  await app.register(authenticate, {
    issuer,
    secret,
    store: {
      ...memory,
      readRevocations: async (cursor, limit) => {
        if (down) throw new Error('down')
        return await memory.readRevocations(cursor, limit)
      }
    },
    revocation: { whenStale: 'ask', maxStalenessSeconds: 1, pollSeconds: 3600 },
    clock: () => Date.now() + (down ? 60_000 : 0)
  })
  app.get('/notes/:id', { config: { auth: true } }, async ({ user }) =>
    tracer.startActiveSpan('read a note', (span) => {
      span.end()
      return { sub: user.sub }
    })
  )
  app.get('/open', async () => 'open')
  await app.ready()
  return {
    app,
    fail: () => {
      down = true
    }
  }
}

const summaryOf = ({ name, attributes, status, parentSpanContext }: ReadableSpan, spans: readonly ReadableSpan[]) => ({
  name,
  parent: spans.find((other) => other.spanContext().spanId === parentSpanContext?.spanId)?.name ?? null,
  attributes,
  isError: status.code === SpanStatusCode.ERROR
})

t.test('the recipe of docs/observability.md adds a span for authenticate() to the trace of a request', async (t) => {
  await import(pathToFileURL(join(t.testdir({ 'authenticate-spans.mjs': code }), 'authenticate-spans.mjs')).href)
  const { app, fail } = await createApp()
  t.teardown(() => app.close())
  const token = await app.accessTokens.sign({ sub: 'alice' })

  async function spansOf(url: string, headers: Record<string, string>) {
    const { statusCode } = await app.inject({ url, headers })
    const spans = exporter.getFinishedSpans()
    const summaries = spans.map((span) => summaryOf(span, spans))
    t.equal(new Set(spans.map((span) => span.spanContext().traceId)).size, 1, 'one trace')
    t.notOk(JSON.stringify(summaries).includes(token))
    exporter.reset()
    return [statusCode, ...summaries]
  }
  const span = (attributes: object, isError = false) => ({
    name: 'authenticate',
    parent: '/notes/1',
    attributes: { 'http.route': '/notes/:id', ...attributes },
    isError
  })
  const server = (url = '/notes/1') => ({ name: url, parent: null, attributes: {}, isError: false })
  const handler = { name: 'read a note', parent: '/notes/1', attributes: {}, isError: false }

  for (const what of ['not seen before', 'in the cache']) {
    t.strictSame(
      await spansOf('/notes/1', bearer(token)),
      [200, span({ 'auth.source': 'header' }), handler, server()],
      `a token that is ${what}`
    )
  }
  t.strictSame(await spansOf('/notes/1', { cookie: `__Host-access=${token}` }), [
    200,
    span({ 'auth.source': 'cookie' }),
    handler,
    server()
  ])
  t.strictSame(await spansOf('/notes/1', {}), [401, span({ 'error.type': 'AUTH_NO_CREDENTIALS' }), server()])
  t.strictSame(await spansOf('/notes/1', bearer(`${token}x`)), [
    401,
    span({ 'error.type': 'AUTH_INVALID_TOKEN' }),
    server()
  ])
  t.strictSame(await spansOf('/open', {}), [200, server('/open')], 'a route without config.auth')
  fail()
  t.strictSame(
    await spansOf('/notes/1', bearer(token)),
    [503, span({ 'error.type': 'AUTH_STORE_UNAVAILABLE' }, true), server()],
    'a fault of the server'
  )
})
