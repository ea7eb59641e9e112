import websocket from '@fastify/websocket'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Services } from '../services.ts'
import { networkOf } from '../attempts/client-network.ts'
import type { Ending } from '../live/live-sockets.ts'
import { AppError } from '../errors.ts'

const pingMs = 30_000
/** In bytes. Nothing that a client sends is read. */
const maxPayload = 1024
/** Close codes: RFC 6455 §7.4.1, and the IANA registry of WebSocket close codes. */
const [internalError, tryAgainLater] = [1011, 1013]

const endings: Partial<Record<string, Ending>> = {
  AUTH_REVOKED_TOKEN: 'session-ended',
  AUTH_EXPIRED_TOKEN: 'token-expired'
}

/** A socket that stays open until its session ends, on whichever node, or its access token expires. */
export const liveRoutes: FastifyPluginAsyncTypebox<Pick<Services, 'events' | 'liveSockets'>> = async function live(
  app,
  { events, liveSockets }
) {
  events.subscribe((event) => {
    if (event.type === 'session-revoked') liveSockets.endSession(event.sessionId)
  })
  const pinging = setInterval(liveSockets.ping, pingMs).unref()

  await app.register(websocket, {
    options: { maxPayload },
    errorHandler(error, socket, request) {
      // `ws` itself closes the socket after a client's mistake. If it is still open, the error is ours.
      if (socket.readyState !== socket.OPEN) return
      request.log.error(error)
      socket.close(internalError)
    },
    async preClose() {
      clearInterval(pinging)
      // First, so that no socket opens while the others close: without a listener, Node treats an upgrade as a request.
      app.server.removeAllListeners('upgrade')
      app.websocketServer.close()
      await liveSockets.close()
    }
  })

  app.route({
    method: 'GET',
    url: '/live',
    config: { auth: true },
    // OpenAPI cannot describe WebSockets.
    schema: { hide: true },
    handler: async () => {
      throw new AppError('UPGRADE_REQUIRED', { headers: { upgrade: 'websocket', connection: 'close, upgrade' } })
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
        // A second check, now that `endSession()` would find this socket: the session may have ended since the first.
        await request.authenticate()
        socket.send(JSON.stringify({ type: 'signed-in', session_id: sessionId, expires_at: expiresAt }))
        request.log.info({ req: request, sub, sessionId }, 'socket opened')
      } catch (error) {
        const ending = endings[(error as { code?: string }).code ?? '']
        if (ending === undefined) throw error
        liveSockets.end(socket, ending)
      }
    }
  })
}
