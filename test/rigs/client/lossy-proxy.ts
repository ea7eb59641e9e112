import { once } from 'node:events'
import { Agent, request, type IncomingMessage } from 'node:http'
import { constants, createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import type { Certified } from '../../fixtures/issuer.ts'
import { createRandom } from '../../histories/random.ts'

/** What the proxy does with a response. The request always reaches the server. */
export type Fate = 'passed' | 'lost' | 'stalled 2 s' | 'stalled 60 s'

/** `me`: the page asks who is signed in. `read` and `write` are requests of callers. */
export type Kind = 'refresh' | 'me' | 'read' | 'write'

export interface Exchange {
  readonly kind: Kind
  /** The number of the tab that sent it, from `Referer`. */
  readonly tab: number
  /** Of a caller's request. */
  readonly number: string | null
  /** When the request arrived, by `performance.now()`. */
  readonly at: number
  readonly fate: Fate
  /** When the server responded. */
  respondedAt: number
  status: number
  /** `lost` also if the browser did not wait for it. */
  outcome: 'pending' | 'delivered' | 'lost'
}

export interface Rates {
  /** The share of responses that are lost, such as 0.02. */
  readonly lost: number
  readonly stalled2s: number
  readonly stalled60s: number
}

export interface ProxyOptions extends Certified {
  /** The port of the application. */
  readonly target: number
  readonly seed: number
  readonly rates: Rates
}

/**
 * A proxy between a browser and an application, which behaves like a bad network. What happens to the n-th response of
 * its kind depends only on the seed. It speaks HTTP/2, because a browser has only 6 connections of HTTP/1.1 for all of
 * its tabs, and repeats a POST by itself if a connection is lost that it has used before.
 */
export async function startProxy({ target, seed, rates, ...certified }: ProxyOptions) {
  const agent = new Agent({ keepAlive: true })
  const random = {
    refresh: createRandom(seed),
    me: createRandom(seed + 1),
    read: createRandom(seed + 2),
    write: createRandom(seed + 3)
  }
  const exchanges: Exchange[] = []
  const ending = new AbortController()
  const waiting: ((refresh: Exchange) => void)[] = []
  let isHolding = false

  async function relay(incoming: Http2ServerRequest, outgoing: Http2ServerResponse): Promise<void> {
    const { stream } = outgoing
    const kind = kindOf(incoming)
    const exchange: Exchange | null = kind && {
      kind,
      tab: tabOf(incoming),
      number: new URL(incoming.url, 'https://localhost').searchParams.get('number'),
      at: performance.now(),
      fate: kind === 'refresh' && isHolding ? 'stalled 60 s' : fateOf(random[kind].next(), rates),
      respondedAt: Infinity,
      status: 0,
      outcome: 'pending'
    }
    if (exchange) {
      exchanges.push(exchange)
      stream.once('close', () => {
        exchange.outcome =
          outgoing.writableEnded && stream.rstCode === constants.NGHTTP2_NO_ERROR ? 'delivered' : 'lost'
      })
    }
    const response = await forward(incoming, await buffer(incoming))
    const body = await buffer(response)
    if (exchange) Object.assign(exchange, { respondedAt: performance.now(), status: response.statusCode })
    if (kind === 'refresh') for (const resolve of waiting.splice(0)) resolve(exchange!)
    if (exchange?.fate === 'lost') return stream.close(constants.NGHTTP2_INTERNAL_ERROR)
    if (exchange?.fate === 'stalled 2 s') await setTimeout(2000, undefined, { signal: ending.signal })
    if (exchange?.fate === 'stalled 60 s') await setTimeout(60_000, undefined, { signal: ending.signal })
    if (stream.destroyed) return
    const { connection: _, 'keep-alive': __, 'transfer-encoding': ___, ...headers } = response.headers
    outgoing.writeHead(response.statusCode!, headers)
    outgoing.end(body)
  }

  function forward({ method, url, headers, authority }: Http2ServerRequest, body: Buffer): Promise<IncomingMessage> {
    const own = Object.entries(headers).filter(([name]) => !name.startsWith(':'))
    const forwarded = { ...Object.fromEntries(own), host: authority }
    return new Promise((resolve, reject) => {
      request({ port: target, host: '127.0.0.1', agent, method, path: url, headers: forwarded }, resolve)
        .on('error', reject)
        .end(body)
    })
  }

  const sessions = new Set<{ destroy(): void }>()
  const server = createSecureServer(certified, (incoming, outgoing) => {
    relay(incoming, outgoing).catch(() => outgoing.stream.destroy())
  }).on('session', (session) => {
    sessions.add(session)
    session.on('close', () => sessions.delete(session))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `https://localhost:${(server.address() as AddressInfo).port}`,
    exchanges,
    /** Whether responses of refreshes stall from now on. */
    hold(next: boolean) {
      isHolding = next
    },
    /** The next refresh that the server responds to. */
    async nextRefresh(): Promise<Exchange> {
      return await new Promise((resolve) => waiting.push(resolve))
    },
    close() {
      ending.abort()
      agent.destroy()
      for (const session of sessions) session.destroy()
      server.close()
    }
  }
}

function kindOf({ method, url }: Http2ServerRequest): Kind | null {
  if (/^\/auth\/(session\/)?refresh$/.test(url)) return 'refresh'
  if (url === '/me') return 'me'
  if (!url.startsWith('/notes')) return null
  return method === 'GET' ? 'read' : 'write'
}

function tabOf({ headers }: Http2ServerRequest): number {
  return Number(new URL(headers.referer!).searchParams.get('tab'))
}

/** @param drawn from 0 to 1 */
function fateOf(drawn: number, { lost, stalled2s, stalled60s }: Rates): Fate {
  if (drawn < lost) return 'lost'
  if (drawn < lost + stalled2s) return 'stalled 2 s'
  return drawn < lost + stalled2s + stalled60s ? 'stalled 60 s' : 'passed'
}
