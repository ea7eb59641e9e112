import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { WebSocket } from '@fastify/websocket'

/** As many tabs and devices as a person has, and more; as many people as share an address, and more. */
const most = { perUser: 50, perSite: 2000 }

/** How long a peer may take to say goodbye before the connection is cut. */
const goodbyeMs = 1000

/** 25 days: Node fires a timer at once that is set for longer. */
const longestTimerMs = 2 ** 31 - 1

/** The application's own, RFC 6455 §7.4.2: what 401 is to a request. */
const unauthenticated = 4401
const goingAway = 1001

export interface Holder {
  readonly sub: string
  /** Where the socket comes from, as `networkOf()` tells it. */
  readonly site: string
  /** `null` for a token without a session. */
  readonly sessionId: string | null
  /** When the token expires, in ms since the epoch. */
  readonly expiresAt: number
}

export type Ending = 'session-ended' | 'token-expired'

export interface LiveSocketsOptions {
  readonly clock?: () => number
  /** Calls back after so many ms, and returns what cancels that. */
  readonly setTimer?: (callback: () => void, ms: number) => () => void
}

export type LiveSockets = ReturnType<typeof createLiveSockets>

/** The sockets that are open and whose they are: each is closed when its session ends or its token expires. */
export function createLiveSockets({ clock = Date.now, setTimer = startTimer }: LiveSocketsOptions = {}) {
  const open = new Set<WebSocket>()
  const ofUser = createIndex()
  const ofSite = createIndex()
  /** Sessions end by the thousand when an administrator ends all: each must cost its own sockets, not everybody's. */
  const ofSession = createIndex()
  const responsive = new WeakSet<WebSocket>()

  function end(socket: WebSocket, ending: Ending): void {
    if (socket.readyState !== socket.OPEN) return
    socket.send(JSON.stringify({ type: ending }))
    socket.close(unauthenticated, ending)
  }

  /** Returns what cancels it. */
  function endAt(expiresAt: number, socket: WebSocket): () => void {
    let cancel = () => {}
    function wait(): void {
      const leftMs = expiresAt - clock()
      if (leftMs <= 0) end(socket, 'token-expired')
      else cancel = setTimer(wait, Math.min(leftMs, longestTimerMs))
    }
    wait()
    return () => cancel()
  }

  return {
    end,

    /** Returns false, and does nothing, if its user or its site has too many. */
    add(socket: WebSocket, { sub, site, sessionId, expiresAt }: Holder): boolean {
      if (ofUser.count(sub) >= most.perUser || ofSite.count(site) >= most.perSite) return false
      open.add(socket)
      const removals = [ofUser.add(sub, socket), ofSite.add(site, socket)]
      if (sessionId !== null) removals.push(ofSession.add(sessionId, socket))
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
      for (const socket of ofSession.list(sessionId)) end(socket, 'session-ended')
    },

    /** Cuts off who has not answered since the last time, and asks the others: a peer that vanished sends no goodbye. */
    ping(): void {
      for (const socket of [...open]) {
        if (!responsive.delete(socket)) socket.terminate()
        else if (socket.readyState === socket.OPEN) socket.ping()
      }
    },

    count: (): number => open.size,

    /** Says goodbye to all, and resolves when they have gone. */
    async close(): Promise<void> {
      const left = [...open]
      const gone = Promise.all(left.map((socket) => once(socket, 'close')))
      for (const socket of left) socket.close(goingAway, 'server-closing')
      await Promise.race([gone, delay(goodbyeMs, null, { ref: false })])
      for (const socket of left) socket.terminate()
    }
  }
}

/** Sockets by a key; a key without any takes no room. */
function createIndex() {
  const sets = new Map<string, Set<WebSocket>>()

  return {
    count: (key: string): number => sets.get(key)?.size ?? 0,
    list: (key: string): WebSocket[] => [...(sets.get(key) ?? [])],
    /** Returns what removes it. */
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
