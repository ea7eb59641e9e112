import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
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
  await shutDown({ app, passwords, destroyConnectionsMs: 50 })
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
  await shutDown({ app, passwords: { refuseWaiting }, refuseWaitingMs: 0 })
})
