// The `server` scenarios of @modelcontextprotocol/conformance, with and without the plugin in front of the same server.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { request as forward } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import t, { type Test } from 'tap'
import authenticate from '../../../plugin/index.ts'
import { withAuthInfo } from '../../../plugin/mcp.ts'
import { freePort } from '../../fixtures/free-port.ts'
import { listen } from '../../fixtures/issuer.ts'
import { nodeOfLine } from '../../fixtures/node-lines.ts'
import { startAuthorizationServer } from './authorization-server.ts'
import { createEverything } from './everything.ts'

t.setTimeout(300_000)
const packages = fileURLToPath(new URL('../node_modules/', import.meta.url))
/** The suite needs Node 22. */
const node = nodeOfLine('22')

/** Handles MCP requests as the documentation of the SDK shows. */
function createHandler() {
  const transports = new Map<unknown, StreamableHTTPServerTransport>()
  return async function handle(request: FastifyRequest, reply: FastifyReply) {
    const id = request.headers['mcp-session-id']
    const transport =
      transports.get(id) ??
      new StreamableHTTPServerTransport({
        sessionIdGenerator: () => crypto.randomUUID(),
        onsessioninitialized: (id) => {
          transports.set(id, transport)
        }
      })
    if (!transports.has(id)) await createEverything().connect(transport as never)
    reply.hijack()
    await transport.handleRequest(request.raw, reply.raw, request.body)
  }
}

/** A route that is open, or one that the plugin guards. */
async function startServer(t: Test, login: string | null): Promise<string> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}/mcp`
  const app = fastify({ forceCloseConnections: true }) as unknown as FastifyInstance
  t.teardown(() => app.close())
  const method = ['GET', 'POST', 'DELETE']
  const handle = createHandler()
  if (login === null) app.route({ method, url: '/mcp', handler: handle })
  else {
    await app.register(authenticate, {
      issuer: new URL(url).origin,
      secret: '0123456789abcdef0123456789abcdef',
      trustedIssuers: [
        { issuer: login, audience: url, algorithms: ['ES256'], map: ({ scope }) => ({ scope: String(scope) }) }
      ],
      resources: [{ url }]
    })
    app.route({
      method,
      url: '/mcp',
      config: { auth: { issuers: [login], scopes: ['notes:read'] } },
      async handler(request, reply) {
        withAuthInfo(request)
        await handle(request, reply)
      }
    })
  }
  await app.listen({ port, host: '127.0.0.1' })
  return url
}

/** The suite cannot send a token: this proxy adds it. */
async function startProxy(t: Test, target: string, headers: Record<string, string>): Promise<string> {
  const { url } = await listen(t, (incoming, outgoing) => {
    const { method } = incoming
    const request = forward(new URL(incoming.url!, target), { method, headers: { ...incoming.headers, ...headers } })
    request.on('response', (response) => {
      outgoing.writeHead(response.statusCode!, response.headers)
      response.pipe(outgoing)
    })
    request.on('error', () => outgoing.destroy())
    outgoing.on('close', () => request.destroy())
    incoming.pipe(request)
  })
  return `${url}/mcp`
}

/** Runs all scenarios; resolves to the outcome of every check. */
async function runSuite(t: Test, url: string): Promise<Record<string, string>> {
  const folder = mkdtempSync(join(tmpdir(), 'conformance-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const cli = join(packages, '@modelcontextprotocol/conformance/dist/index.js')
  const suite = spawn(node, [cli, 'server', '--url', url, '-o', folder], { stdio: 'ignore' })
  t.teardown(() => suite.kill())
  await once(suite, 'exit')
  const scenarios = readdirSync(folder).sort()
  return Object.fromEntries(
    scenarios.flatMap((scenario) => {
      const checks = JSON.parse(readFileSync(join(folder, scenario, 'checks.json'), 'utf8'))
      const name = scenario.replace(/-\d{4}-\d\d-\d\dT.*$/, '')
      return (checks as { id: string; status: string }[]).map(({ id, status }) => [`${name} ${id}`, status])
    })
  )
}

t.test('the conformance suite has the same outcomes with the plugin in front of a server as without', async (t) => {
  const login = await startAuthorizationServer(t)
  const [open, guarded] = await Promise.all([startServer(t, null), startServer(t, login.url)])
  const token = await login.accessToken(guarded, 'notes:read')
  const [expected, found] = await Promise.all([
    runSuite(t, await startProxy(t, open, {})),
    runSuite(t, await startProxy(t, guarded, { authorization: `Bearer ${token}` }))
  ])
  const passed = Object.values(expected).filter((status) => status === 'SUCCESS').length
  t.comment(`${passed} of ${Object.keys(expected).length} checks pass`)
  t.strictSame(found, expected)
  t.ok(passed >= 27)
  const without = await runSuite(t, await startProxy(t, guarded, {}))
  const passing = Object.keys(without).filter((name) => without[name] === 'SUCCESS')
  const refusal = 'server-dns-rebinding-protection localhost-host-rebinding-rejected'
  t.strictSame(passing, [refusal], 'without a token, only the check that expects a refusal passes')
})
