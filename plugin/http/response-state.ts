import type { OutgoingHttpHeader } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/** What the response to a request must carry, gathered while it is handled and written once, just before it is sent. */
interface ResponseState {
  /** `Set-Cookie` lines by name, domain and path: the last value of a cookie wins. */
  readonly cookies: Map<string, string>
  cacheControl: 'no-store' | 'private, no-store' | null
}

const outgoing = new WeakMap<FastifyRequest, ResponseState>()
const replies = new WeakMap<FastifyRequest, FastifyReply>()
const watched = new WeakSet<FastifyReply['raw']>()

export function responseState(request: FastifyRequest): ResponseState {
  let state = outgoing.get(request)
  if (state === undefined) outgoing.set(request, (state = { cookies: new Map(), cacheControl: null }))
  return state
}

/** The hook that writes our response headers, after the host's handlers and under its error handler too. */
export function addResponseHook(app: FastifyInstance): void {
  // With `done`, because it runs for every response, and nearly all have nothing to write: a promise would cost more.
  app.addHook('onSend', function writeOutgoing(request, reply, _payload, done) {
    const state = outgoing.get(request)
    if (state !== undefined) {
      for (const [name, value] of take(state)) reply.header(name, value)
    }
    done()
  })
}

/** Lets {@link replyOf} find the reply, for what is done with the request alone. */
export function addReplyHook(app: FastifyInstance): void {
  app.addHook('onRequest', function noteReply(request, reply, done) {
    replies.set(request, reply)
    done()
  })
}

export function replyOf(request: FastifyRequest): FastifyReply | undefined {
  return replies.get(request)
}

/** Whether headers can still be added to a response. */
export function canSetHeaders(reply: FastifyReply | undefined): reply is FastifyReply {
  return reply !== undefined && !reply.raw.headersSent
}

/**
 * Lets a response that never passes `onSend` carry what was gathered too: one that was hijacked, or is written to
 * `reply.raw`. Node calls `writeHead()` for every response, also for those whose handler does not.
 */
export function carryByRaw({ raw, request }: FastifyReply): void {
  if (watched.has(raw)) return
  watched.add(raw)
  const writeHead = raw.writeHead as (...args: unknown[]) => FastifyReply['raw']
  raw.writeHead = function writeHeadWithOutgoing(...args: unknown[]) {
    raw.writeHead = writeHead as typeof raw.writeHead
    const ours = take(responseState(request))
    if (ours.length === 0) return writeHead.apply(raw, args)
    // With names of their own, `writeHead()` would replace what was set before: they are merged with ours instead.
    const headers = args.at(-1)
    const named = typeof headers === 'object' && headers !== null ? (args.pop() as object) : {}
    for (const [name, values] of grouped(named)) raw.setHeader(name, values)
    for (const [name, value] of ours) {
      raw.setHeader(name, name === setCookie ? [...linesOf(raw.getHeader(name)), ...[value].flat()] : value)
    }
    return writeHead.apply(raw, args)
  } as typeof raw.writeHead
}

const setCookie = 'set-cookie'

/** The headers that are due, which are not due again. */
function take(state: ResponseState): [string, string | string[]][] {
  const { cookies, cacheControl } = state
  const headers: [string, string | string[]][] = []
  if (cacheControl !== null) headers.push(['cache-control', cacheControl])
  if (cookies.size > 0) headers.push([setCookie, [...cookies.values()]])
  cookies.clear()
  state.cacheControl = null
  return headers
}

function linesOf(value: OutgoingHttpHeader | undefined): string[] {
  return value === undefined ? [] : [value].flat().map(String)
}

/** The headers of `writeHead()`, an object, a flat list or a list of pairs, in which a name can come more than once. */
function grouped(headers: object): Iterable<[string, OutgoingHttpHeader]> {
  if (!Array.isArray(headers)) return Object.entries(headers)
  const flat: unknown[] = Array.isArray(headers[0]) ? headers.flat() : headers
  const groups = new Map<string, string[]>()
  for (let index = 0; index < flat.length; index += 2) {
    const name = String(flat[index]).toLowerCase()
    groups.set(name, [...(groups.get(name) ?? []), ...linesOf(flat[index + 1] as OutgoingHttpHeader)])
  }
  return [...groups].map(([name, values]) => [name, values.length === 1 ? values[0]! : values])
}
