import type { IncomingMessage, ServerOptions } from 'node:http'
import type { FastifyInstance } from 'fastify'

/**
 * For Node's http server from 22.21 and 24.9 on: ignores offers of other protocols (Java's client offers `h2c`), as
 * Node does while nobody listens for upgrades. Older versions lose the body of such a request, and it is refused.
 */
export const webSocketsOnly = {
  shouldUpgradeCallback: ({ headers }: IncomingMessage) => headers.upgrade?.toLowerCase() === 'websocket'
} as ServerOptions

/**
 * Closes the connection of an upgrade that was refused with an ordinary response. Node no longer manages such a
 * connection: it applies no timeout to it, and reads no second request from it.
 */
export function closeRefusedUpgrades(app: FastifyInstance): void {
  const upgrades = new WeakSet<IncomingMessage>()
  app.server.on('upgrade', (request) => upgrades.add(request))
  app.addHook('onResponse', async ({ raw }) => {
    if (upgrades.has(raw)) raw.socket.destroy()
  })
}

/**
 * While the server drains and closes, ends each connection after its response: keep-alive connections would delay the
 * exit, and a request that a client sends while the server closes its idle connection would be lost.
 */
export function endKeepAliveOnClose(app: FastifyInstance, stopping: AbortSignal): void {
  let isClosing = false
  app.addHook('preClose', async () => {
    isClosing = true
  })
  app.addHook('onSend', async (_request, reply) => {
    if (isClosing || stopping.aborted) reply.header('connection', 'close')
  })
}
