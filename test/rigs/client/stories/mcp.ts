// The official MCP clients, of both generations, with `auth.fetch` in their transports.
import { Client as NewClient, StreamableHTTPClientTransport as NewTransport } from '@modelcontextprotocol/client'
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { EventEmitter, once } from 'node:events'
import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { z } from 'zod'
import { signIn } from '../session.ts'

const about = { name: 'rig', version: '1.0.0' }

/** A server with a session for each client. Its tool reports its progress before it responds. */
function addServer(app: FastifyInstance, { notes, events }: { notes: string[]; events: EventEmitter }): void {
  const transports = new Map<unknown, StreamableHTTPServerTransport>()

  async function connect(): Promise<StreamableHTTPServerTransport> {
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized(id) {
        transports.set(id, transport)
      }
    })
    const server = new McpServer(about)
    server.registerTool('add', { inputSchema: { note: z.string() } }, async ({ note }, { _meta, sendNotification }) => {
      notes.push(note)
      const params = { progressToken: _meta!.progressToken!, progress: 1, total: 2 }
      await sendNotification({ method: 'notifications/progress', params })
      return { content: [{ type: 'text', text: `added ${note}` }] }
    })
    await server.connect(transport as never)
    return transport
  }

  app.route({
    method: ['GET', 'POST', 'DELETE'],
    url: '/mcp',
    async handler(request, reply) {
      const transport = transports.get(request.headers['mcp-session-id']) ?? (await connect())
      reply.hijack()
      events.emit(request.method)
      await transport.handleRequest(request.raw, reply.raw, request.body)
    }
  })
}

const clients = {
  '1.x': { create: () => new OldClient(about), Transport: OldTransport },
  '2.x': { create: () => new NewClient(about), Transport: NewTransport }
}

for (const [version, { create, Transport }] of Object.entries(clients)) {
  t.test(`the MCP client ${version}`, async (t) => {
    const notes: string[] = []
    const events = new EventEmitter()
    const { auth, url, log, expire } = await signIn(t, { more: (app) => addServer(app, { notes, events }) })
    const client = create()
    const listening = once(events, 'GET')
    t.teardown(() => client.close())
    expire()
    await client.connect(new Transport(new URL(`${url}/mcp`), { fetch: auth.fetch }) as never)
    t.strictSame(log().slice(0, 2), ['POST /mcp 401', 'POST /auth/refresh 200'])
    await listening

    expire()
    const progress: number[] = []
    const call = { name: 'add', arguments: { note: 'one' } }
    const options = { onprogress: (report: { progress: number }) => progress.push(report.progress) }
    const result = await (version === '1.x'
      ? (client as OldClient).callTool(call, undefined, options)
      : (client as NewClient).callTool(call, options))
    t.match(result, { content: [{ text: 'added one' }] })
    t.strictSame(progress, [1], 'a response that is streamed')
    t.strictSame(notes, ['one'], 'executed once')
    t.strictSame(log(), ['POST /mcp 401', 'POST /auth/refresh 200'])
  })
}
