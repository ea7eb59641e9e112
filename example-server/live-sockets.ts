import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { WebSocket } from '@fastify/websocket'

/** As many tabs and devices as a person has, and more. */
const mostPerUser = 50

/** How long a peer may take to say goodbye before the connection is cut. */
const goodbyeMs = 1000

/** The application's own, RFC 6455 §7.4.2: what 401 is to a request. */
const unauthenticated = 4401
const goingAway = 1001

export interface Holder {
  readonly sub: string
  /** `null` for a token without a session. */
  readonly sessionId: string | null
  /** When the token expires, in ms since the epoch. */
  readonly expiresAt: number
}

export type Ending = 'session-ended' | 'token-expired'

export type LiveSockets = ReturnType<typeof createLiveSockets>

/** The sockets that are open and whose they are: each is closed when its session ends or its token expires. */
export function createLiveSockets ({ clock = Date.now } = {}) {
  const ofUser = new Map<string, Map<WebSocket, Holder>>()
  const answering = new WeakSet<WebSocket>()

  const all = () => [...ofUser.values()].flatMap((sockets) => [...sockets])

  function end (socket: WebSocket, ending: Ending): void {
    if (socket.readyState !== socket.OPEN) return
    socket.send(JSON.stringify({ type: ending }))
    socket.close(unauthenticated, ending)
  }

  function remove (socket: WebSocket, sub: string): void {
    const sockets = ofUser.get(sub)
    sockets?.delete(socket)
    if (sockets?.size === 0) ofUser.delete(sub)
  }

  return {
    end,

    /** False, and nothing is done, when its user has too many. */
    add (socket: WebSocket, holder: Holder): boolean {
      const sockets = ofUser.get(holder.sub) ?? new Map<WebSocket, Holder>()
      if (sockets.size >= mostPerUser) return false
      ofUser.set(holder.sub, sockets.set(socket, holder))
      answering.add(socket)
      const expiry = setTimeout(() => end(socket, 'token-expired'), holder.expiresAt - clock())
      socket.on('pong', () => answering.add(socket))
      socket.once('close', () => {
        clearTimeout(expiry)
        remove(socket, holder.sub)
      })
      return true
    },

    endSession (sessionId: string): void {
      for (const [socket, holder] of all()) if (holder.sessionId === sessionId) end(socket, 'session-ended')
    },

    /** Cuts off who has not answered since the last time, and asks the others: a peer that vanished sends no goodbye. */
    ping (): void {
      for (const [socket] of all()) {
        if (!answering.delete(socket)) socket.terminate()
        else if (socket.readyState === socket.OPEN) socket.ping()
      }
    },

    count: (): number => all().length,

    /** Says goodbye to all, and resolves when they have gone. */
    async close (): Promise<void> {
      const left = all().map(([socket]) => socket)
      const gone = Promise.all(left.map((socket) => once(socket, 'close')))
      for (const socket of left) socket.close(goingAway, 'server-closing')
      await Promise.race([gone, delay(goodbyeMs, null, { ref: false })])
      for (const socket of left) socket.terminate()
    }
  }
}
