import type { IncomingMessage, ServerOptions } from 'node:http'
import type { FastifyInstance } from 'fastify'

/**
 * For Node's http server, from 22.21 and 24.9 on: what a client offers besides WebSockets, as Java's does `h2c`, is passed
 * over, as it was before anybody listened for upgrades. Older ones lose the body of such a request, and it is refused.
 */
export const webSocketsOnly = {
  shouldUpgradeCallback: ({ headers }: IncomingMessage) => headers.upgrade?.toLowerCase() === 'websocket'
} as ServerOptions

/**
 * Closes what asked for an upgrade and got an answer instead, a refusal say. Node has given such a connection out of its
 * hands: it counts no timeout on it any more, and reads no second request from it.
 */
export function closeAnsweredUpgrades(app: FastifyInstance): void {
  const upgrades = new WeakSet<IncomingMessage>()
  app.server.on('upgrade', (request) => upgrades.add(request))
  app.addHook('onResponse', async ({ raw }) => {
    if (upgrades.has(raw)) raw.socket.destroy()
  })
}

/** From the moment the server closes, each answer is the last one on its connection: kept alive, it would keep the process. */
export function closeAnsweredOnceClosing(app: FastifyInstance): void {
  let isClosing = false
  app.addHook('preClose', async () => {
    isClosing = true
  })
  app.addHook('onSend', async (_request, reply) => {
    if (isClosing) reply.header('connection', 'close')
  })
}
