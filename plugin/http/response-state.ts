import type { OutgoingHttpHeader } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { keepPrivate } from './private-response.ts'

/**
 * The headers that a response needs, collected while the request is handled and written once, before it is sent. A
 * response that has such a state is about one user, and therefore private.
 */
interface ResponseState {
  /** `Set-Cookie` lines by name, domain, path and partition: the last value of a cookie replaces the earlier ones. */
  readonly cookies: Map<string, string>
  cacheControl: 'no-store' | 'private, no-store' | null
}

const states = new WeakMap<FastifyRequest, ResponseState>()
const replies = new WeakMap<FastifyRequest, FastifyReply>()

export function responseState(request: FastifyRequest): ResponseState {
  let state = states.get(request)
  if (state === undefined) states.set(request, (state = { cookies: new Map(), cacheControl: null }))
  return state
}

/** The response may be about a user whom a later `authenticate()` refused: `request.auth` is `null` then. */
export function markPrivate(request: FastifyRequest): void {
  responseState(request)
}

/** Adds the hook that writes these headers, after the application's handlers and its error handler. */
export function addResponseHook(app: FastifyInstance): void {
  // `done` instead of a promise, which would cost more: this runs for every response, and most have nothing to write.
  app.addHook('onSend', function writeResponseState(request, reply, _payload, done) {
    const state = states.get(request)
    if (state !== undefined) {
      for (const [name, value] of take(state)) reply.header(name, value)
    }
    if (request.auth || state !== undefined) keepPrivate(reply)
    done()
  })
}

/** Lets {@link replyOf} find the reply of a request. */
export function addReplyHook(app: FastifyInstance): void {
  app.addHook('onRequest', function rememberReply(request, reply, done) {
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
 * Adds the headers to a response that bypasses `onSend` too: one that is hijacked, or written to `reply.raw`. Node
 * calls `writeHead()` for every response, even if the handler does not. Several calls for one response
 * add nothing twice, because the first `writeHead()` takes all headers.
 */
export function carryByRaw({ raw, request }: FastifyReply): void {
  const writeHead = raw.writeHead as (...args: unknown[]) => FastifyReply['raw']
  raw.writeHead = function writeHeadWithState(...args: unknown[]) {
    const ours = take(responseState(request))
    if (ours.length === 0) return writeHead.apply(raw, args)
    // Headers of an argument would replace those that were set before, so they are merged here.
    const headers = args.at(-1)
    const named = typeof headers === 'object' && headers !== null ? (args.pop() as object) : {}
    for (const [name, values] of grouped(named)) raw.setHeader(name, values)
    for (const [name, value] of ours) {
      raw.setHeader(name, name === setCookie ? [...linesOf(raw.getHeader(name)), ...[value].flat()] : value)
    }
    keepPrivate({ getHeader: (name) => raw.getHeader(name), header: (name, value) => raw.setHeader(name, value) })
    return writeHead.apply(raw, args)
  } as typeof raw.writeHead
}

const setCookie = 'set-cookie'

/** Returns the headers and forgets them, so that they are written once. */
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

/** The headers of `writeHead()`: an object, a flat list or a list of pairs, in which a name can occur several times. */
function grouped(headers: object): Iterable<[string, OutgoingHttpHeader]> {
  if (!Array.isArray(headers)) return Object.entries(headers)
  const flat: unknown[] = Array.isArray(headers[0]) ? headers.flat() : headers
  const groups = new Map<string, string[]>()
  for (let index = 0; index < flat.length; index += 2) {
    const name = String(flat[index]).toLowerCase()
    groups.set(name, [...(groups.get(name) ?? []), ...linesOf(flat[index + 1] as OutgoingHttpHeader)])
  }
  return groups
}
