// Open streams of the official transport (1.x) with the recipe of docs/mcp.md: they end with their token.
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { EventEmitter, once } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { startAuthorizationServer } from './authorization-server.ts'
import { startRecipe } from './recipe.ts'

t.setTimeout(120_000)
const login = await startAuthorizationServer(t)
const { origin, url } = await startRecipe(t, {
  login: login.url,
  more: `
    const { McpServer: Server } = await import('@modelcontextprotocol/sdk/server/mcp.js')
    const { StreamableHTTPServerTransport } = await import('@modelcontextprotocol/sdk/server/streamableHttp.js')
    const own = new URL(resource).origin
    const transports = new Map()
    app.route({
      method: ['GET', 'POST', 'DELETE'],
      url: '/mcp/streams',
      config: { auth: { issuers: [own, loginServer] } },
      async preHandler (request, reply) {
        endWithToken(request, reply)
        await request.authenticate({ issuers: [own, loginServer] })
      },
      async handler (request, reply) {
        const id = request.headers['mcp-session-id']
        const transport = transports.get(id) ?? new StreamableHTTPServerTransport({
          sessionIdGenerator: () => crypto.randomUUID(),
          onsessioninitialized: (id) => { transports.set(id, transport) }
        })
        if (id === undefined) await new Server({ name: 'streams', version: '1.0.0' }).connect(transport)
        withAuthInfo(request)
        reply.hijack()
        await transport.handleRequest(request.raw, reply.raw, request.body)
      }
    })
    app.get('/streams', async () => [...streams.keys()].length)
    app.post('/login', async (_request, reply) => reply.signIn({ sub: 'alice', transport: 'bearer' }))
    app.post('/logout', async (_request, reply) => { await reply.signOut(); return reply.code(204).send() })
    app.post('/short', async () => {
      return { access_token: await app.accessTokens.sign({ sub: 'robot', lifetimeSeconds: 2 }) }
    })
    app.post('/revoke', { config: { auth: { issuers: [own, loginServer] } } }, async ({ auth }, reply) => {
      await app.accessTokens.revoke(auth.claims.jti, auth.claims.exp, { issuer: auth.issuer })
      return reply.code(204).send()
    })
  `
})

async function post(path: string, token?: string) {
  const response = await fetch(origin + path, {
    method: 'POST',
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` }
  })
  const body = response.status === 204 ? {} : await response.json()
  return body as { access_token: string }
}

/** Connects a client, which opens a stream by itself, and opens it again when it ends. */
async function listenWith(t: Test, token: string) {
  const events: string[] = []
  const changes = new EventEmitter()
  const record = (event: string) => {
    events.push(event)
    changes.emit('change')
  }
  const recordingFetch: typeof fetch = async (input, init) => {
    const response = await fetch(input, init)
    if (init?.method !== 'GET') return response
    record(`${response.status}`)
    return response.ok
      ? new Response(
          watched(response.body!, () => record('ended')),
          response
        )
      : response
  }
  const transport = new StreamableHTTPClientTransport(new URL(`${url}/streams`), {
    requestInit: { headers: { authorization: `Bearer ${token}` } },
    fetch: recordingFetch,
    reconnectionOptions: {
      initialReconnectionDelay: 1,
      maxReconnectionDelay: 1,
      reconnectionDelayGrowFactor: 1,
      maxRetries: 2
    }
  })
  const client = new Client({ name: 'rig', version: '1.0.0' })
  await client.connect(transport)
  t.teardown(() => client.close())
  return {
    async until(expected: readonly string[]) {
      while (events.length < expected.length) await once(changes, 'change')
      t.strictSame(events.slice(0, expected.length), expected)
    }
  }
}

/** Calls back when a body ends or breaks. */
function watched(body: ReadableStream<Uint8Array>, onEnd: () => void): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read()
        if (!done) return controller.enqueue(value)
        controller.close()
      } catch (error) {
        controller.error(error)
      }
      onEnd()
    },
    cancel: (reason) => reader.cancel(reason)
  })
}

const openStreams = async () => (await (await fetch(`${origin}/streams`)).json()) as number

interface Ending {
  readonly what: string
  readonly token: () => Promise<string>
  readonly end: (token: string) => Promise<unknown>
}

const endings: Ending[] = [
  {
    what: 'its session ends',
    token: async () => (await post('/login')).access_token,
    end: (token) => post('/logout', token)
  },
  {
    what: 'its token, which another issuer issued, is revoked',
    token: () => login.accessToken(url, 'notes:read'),
    end: (token) => post('/revoke', token)
  },
  { what: 'its token expires', token: async () => (await post('/short')).access_token, end: async () => {} }
]

for (const { what, token: getToken, end } of endings) {
  t.test(`a stream ends when ${what}, and the client cannot open it again`, async (t) => {
    const token = await getToken()
    const stream = await listenWith(t, token)
    const other = await listenWith(t, await login.accessToken(url, 'notes:read'))
    await Promise.all([stream.until(['200']), other.until(['200'])])
    const before = performance.now()
    await Promise.all([end(token), stream.until(['200', 'ended'])])
    t.comment(`ended ${Math.round(performance.now() - before)} ms after the request`)
    await stream.until(['200', 'ended', '401'])
    await other.until(['200'])
    t.ok((await openStreams()) > 0, 'another stream stays open')
  })
}

/** The server hears of a closed connection later than the client: asks until no stream is left. */
async function allForgotten(): Promise<void> {
  while ((await openStreams()) > 0) await setImmediate()
}

t.test('the recipe forgets a stream that has ended', async (t) => {
  await allForgotten()
  const token = (await post('/login')).access_token
  const { until } = await listenWith(t, token)
  await until(['200'])
  t.equal(await openStreams(), 2, 'by session and by token')
  await post('/logout', token)
  await until(['200', 'ended'])
  await allForgotten()
})
