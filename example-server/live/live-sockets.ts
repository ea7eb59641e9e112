import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { WebSocket } from '@fastify/websocket'

/** More than the tabs and devices of one person; more than the people who share one address. */
const maxSockets = { ofUser: 50, ofSite: 2000 }

/** How long a peer may take to complete the closing handshake before its connection is destroyed. */
const closeTimeoutMs = 1000

/** 25 days: Node fires a longer timer immediately. */
const maxTimerMs = 2 ** 31 - 1

/** A private close code (RFC 6455 §7.4.2), named after 401 of HTTP. */
const unauthenticated = 4401
const goingAway = 1001

export interface Holder {
  readonly sub: string
  /** The site of the client, as in `networkOf()`. */
  readonly site: string
  /** `null` for a token without a session. */
  readonly sessionId: string | null
  /** When the access token expires, in ms since the epoch. */
  readonly expiresAt: number
}

/** Why the server closes a socket with 4401. */
export type Ending = 'session-ended' | 'token-expired'

export interface LiveSocketsOptions {
  /** Milliseconds since the epoch. Default: `Date.now`. */
  readonly clock?: () => number
  /** Calls back after so many ms, and returns a function that cancels this. Default: `setTimeout`. */
  readonly setTimer?: (callback: () => void, ms: number) => () => void
}

export type LiveSockets = ReturnType<typeof createLiveSockets>

/** The open sockets and their holders. Each is closed when its session ends or its access token expires. */
export function createLiveSockets({ clock = Date.now, setTimer = startTimer }: LiveSocketsOptions = {}) {
  const open = new Set<WebSocket>()
  const byUser = createIndex()
  const bySite = createIndex()
  /**
   * An index, because an administrator may end thousands of sessions: none of them may cost a walk over all sockets.
   */
  const bySession = createIndex()
  /** Sockets that have sent a pong since the last ping. */
  const responsive = new WeakSet<WebSocket>()

  function end(socket: WebSocket, ending: Ending): void {
    if (socket.readyState !== socket.OPEN) return
    socket.send(JSON.stringify({ type: ending }))
    socket.close(unauthenticated, ending)
  }

  /** Returns a function that cancels it. */
  function endAt(expiresAt: number, socket: WebSocket): () => void {
    let cancel = () => {}
    function wait(): void {
      const leftMs = expiresAt - clock()
      if (leftMs <= 0) end(socket, 'token-expired')
      else cancel = setTimer(wait, Math.min(leftMs, maxTimerMs))
    }
    wait()
    return () => cancel()
  }

  return {
    end,

    /** Returns false, and does nothing, if the user or the site has too many sockets. */
    add(socket: WebSocket, { sub, site, sessionId, expiresAt }: Holder): boolean {
      if (byUser.count(sub) >= maxSockets.ofUser || bySite.count(site) >= maxSockets.ofSite) return false
      open.add(socket)
      const removals = [byUser.add(sub, socket), bySite.add(site, socket)]
      if (sessionId !== null) removals.push(bySession.add(sessionId, socket))
      responsive.add(socket)
      const cancelExpiry = endAt(expiresAt, socket)
      socket.on('pong', () => responsive.add(socket))
      socket.once('close', () => {
        cancelExpiry()
        open.delete(socket)
        for (const remove of removals) remove()
      })
      return true
    },

    endSession(sessionId: string): void {
      for (const socket of bySession.list(sessionId)) end(socket, 'session-ended')
    },

    /**
     * Destroys sockets without a pong since the last ping, and pings the others: a peer that vanished sends no close.
     */
    ping(): void {
      for (const socket of [...open]) {
        if (!responsive.delete(socket)) socket.terminate()
        else if (socket.readyState === socket.OPEN) socket.ping()
      }
    },

    count: (): number => open.size,

    /** Closes all sockets; destroys those whose peer does not respond in time. */
    async close(): Promise<void> {
      const closing = [...open]
      const closed = Promise.all(closing.map((socket) => once(socket, 'close')))
      for (const socket of closing) socket.close(goingAway, 'server-closing')
      await Promise.race([closed, delay(closeTimeoutMs, null, { ref: false })])
      for (const socket of closing) socket.terminate()
    }
  }
}

/** Sockets by a key. A key without sockets is removed. */
function createIndex() {
  const sets = new Map<string, Set<WebSocket>>()

  return {
    count: (key: string): number => sets.get(key)?.size ?? 0,
    list: (key: string): WebSocket[] => [...(sets.get(key) ?? [])],
    /** Returns a function that removes the socket again. */
    add(key: string, socket: WebSocket): () => void {
      const sockets = sets.get(key) ?? new Set()
      sets.set(key, sockets.add(socket))
      return () => {
        sockets.delete(socket)
        if (sockets.size === 0) sets.delete(key)
      }
    }
  }
}

function startTimer(callback: () => void, ms: number): () => void {
  const timer = setTimeout(callback, ms)
  return () => clearTimeout(timer)
}
