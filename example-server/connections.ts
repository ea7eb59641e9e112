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

/** From the moment the server closes, each answer is the last one on its connection: kept alive, it would keep the process. */
export function closeAnsweredOnceClosing (app: FastifyInstance): void {
  let isClosing = false
  app.addHook('preClose', async () => { isClosing = true })
  app.addHook('onSend', async (_request, reply) => {
    if (isClosing) reply.header('connection', 'close')
  })
}
