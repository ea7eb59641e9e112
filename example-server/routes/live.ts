import websocket from '@fastify/websocket'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { RouteParts } from '../app.ts'
import { networkOf } from '../client-network.ts'
import type { Ending } from '../live-sockets.ts'
import { Refusal } from '../refusals.ts'

const pingMs = 30_000
/** Nothing that clients send is read. */
const maxPayload = 1024
/** RFC 6455 §7.4.1, and its registry. */
const [internalError, tryAgainLater] = [1011, 1013]

const endings: Partial<Record<string, Ending>> = {
  AUTH_REVOKED_TOKEN: 'session-ended',
  AUTH_EXPIRED_TOKEN: 'token-expired'
}

/** A socket that lives as long as the sign-in: it tells a client that it is signed out, wherever that was done. */
export const liveRoutes: FastifyPluginAsyncTypebox<RouteParts> = async function live(app, { events, liveSockets }) {
  events.subscribe((event) => {
    if (event.type === 'session-revoked') liveSockets.endSession(event.sessionId)
  })
  const pinging = setInterval(liveSockets.ping, pingMs).unref()

  await app.register(websocket, {
    options: { maxPayload },
    errorHandler(error, socket, request) {
      // What a client did wrong is answered by `ws`, which is closing then; the rest is a fault of ours.
      if (socket.readyState !== socket.OPEN) return
      request.log.error(error)
      socket.close(internalError)
    },
    async preClose() {
      clearInterval(pinging)
      // First, so that nobody comes in behind those who go: without a listener, Node takes an upgrade for any other request.
      app.server.removeAllListeners('upgrade')
      app.websocketServer.close()
      await liveSockets.close()
    }
  })

  app.route({
    method: 'GET',
    url: '/live',
    config: { auth: true },
    // OpenAPI has no words for sockets.
    schema: { hide: true },
    handler: async () => {
      throw new Refusal('UPGRADE_REQUIRED', { upgrade: 'websocket', connection: 'close, upgrade' })
    },
    async wsHandler(socket, request) {
      const { sub, exp } = request.user
      const { sessionId } = request.auth!
      const expiresAt = exp * 1000
      const { site } = networkOf(request)
      if (!liveSockets.add(socket, { sub, site, sessionId, expiresAt })) {
        return socket.close(tryAgainLater, 'too-many-sockets')
      }
      try {
        // Once more, now that its end would be heard of: the session may have ended since the first time.
        await request.authenticate()
        socket.send(JSON.stringify({ type: 'signed-in', sessionId, expiresAt }))
      } catch (error) {
        const ending = endings[(error as { code?: string }).code ?? '']
        if (ending === undefined) throw error
        liveSockets.end(socket, ending)
      }
    }
  })
}
