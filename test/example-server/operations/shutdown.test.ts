import { EventEmitter, once } from 'node:events'
import { Agent, request } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { shutDown } from '../../../example-server/operations/shutdown.ts'
import { createInjected } from '../../fixtures/example-server.ts'

t.test('shutDown() destroys connections that are idle or still sending a request', async (t) => {
  const { app, passwords } = await createInjected(t)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  // The keep-alive connection of a load balancer, and a client that stopped in the middle of a request.
  const [idle, sending] = [connect(port, '127.0.0.1').resume(), connect(port, '127.0.0.1').resume()]
  const closed = [idle, sending].map((socket) => {
    socket.on('error', () => {})
    return new Promise((resolve) => socket.once('close', resolve))
  })
  await Promise.all([idle, sending].map((socket) => once(socket, 'connect')))
  sending.write('POST /notes HTTP/1.1\r\nHost: x\r\nContent-Le')
  await shutDown({ app, passwords, stopping: new AbortController(), destroyConnectionsMs: 50 })
  await Promise.all(closed)
})

t.test('shutDown() refuses the passwords that still wait, so that their requests can finish', async (t) => {
  const { app } = await createInjected(t)
  let refuseWaiting = () => {}
  const refused = new Promise<void>((resolve) => {
    refuseWaiting = resolve
  })
  // A request that finishes only when its password is refused: without that, the server would never close.
  app.addHook('preClose', () => refused)
  await app.ready()
  await shutDown({ app, passwords: { refuseWaiting }, stopping: new AbortController(), refuseWaitingMs: 0 })
})

t.test('shutDown() serves requests while it drains, and each response ends its connection', async (t) => {
  const stopping = new AbortController()
  const { app, passwords } = await createInjected(t, { stopping: stopping.signal })
  const lines: string[] = []
  app.log.info = (...given: unknown[]) => lines.push(String(given.at(-1)))
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  // Two connections that a load balancer keeps open.
  const agents = [new Agent({ keepAlive: true, maxSockets: 1 }), new Agent({ keepAlive: true, maxSockets: 1 })]
  t.teardown(() => agents.forEach((agent) => agent.destroy()))
  const get = async (path: string, agent: Agent) => {
    const [response] = await once(request({ port, host: '127.0.0.1', path, agent }).end(), 'response')
    await once(response.resume(), 'end')
    return [response.statusCode, response.headers.connection, response.req.reusedSocket]
  }
  for (const agent of agents) t.strictSame(await get('/health/ready', agent), [200, 'keep-alive', false])

  const drain = new EventEmitter()
  const begun = once(drain, 'begin')
  const closed = shutDown({
    app,
    passwords,
    stopping,
    drainMs: 5000,
    wait: async (ms) => {
      drain.emit('begin', ms)
      await once(drain, 'end')
    }
  })
  t.strictSame(await begun, [5000])
  t.strictSame(await get('/health/ready', agents[0]!), [503, 'close', true], 'the kept connection still serves')
  t.strictSame(await get('/health/live', agents[1]!), [200, 'close', true])
  t.strictSame(await get('/health/live', agents[0]!), [200, 'close', false], 'and so does a new one')
  t.strictSame((await app.inject('/health/ready')).json().code, 'STOPPING')
  t.strictSame(
    lines.filter((line) => line.startsWith('stop')),
    ['stopping']
  )
  drain.emit('end')
  await closed
  t.strictSame(
    lines.filter((line) => line.startsWith('stop')),
    ['stopping', 'stopped']
  )
  await t.rejects(get('/health/live', agents[0]!), { code: 'ECONNREFUSED' })
})

t.test('shutDown() without a drain serves what arrives on open connections, instead of a bare 503', async (t) => {
  const { app, passwords } = await createInjected(t)
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const accepted = once(app.server, 'connection')
  const socket = connect(port, '127.0.0.1')
  const [received] = await accepted
  // The head of a request is underway while the server closes.
  socket.write('GET /health/live HTTP/1.1\r\nHost: x')
  while (received.bytesRead === 0) await setImmediate()
  const closed = shutDown({ app, passwords, stopping: new AbortController() })
  socket.write('\r\n\r\n')
  let response = ''
  for await (const chunk of socket) response += String(chunk)
  t.match(response, /^HTTP\/1\.1 200 OK\r\n/)
  t.match(response, /^connection: close\r$/im)
  await closed
})
