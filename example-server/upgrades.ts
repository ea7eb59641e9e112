import type { IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'

/**
 * Closes what asked for an upgrade and got an answer instead, a refusal say. Node has given such a connection out of its
 * hands: it counts no timeout on it any more, and reads no second request from it.
 */
export function closeAnsweredUpgrades (app: FastifyInstance): void {
  const upgrades = new WeakSet<IncomingMessage>()
  app.server.on('upgrade', (request) => upgrades.add(request))
  app.addHook('onResponse', async ({ raw }) => {
    if (upgrades.has(raw)) raw.socket.destroy()
  })
}
