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

/** Keeps the response out of shared caches, even if `request.auth` is `null` in the end. */
export function markPrivate(request: FastifyRequest): void {
  responseState(request)
}

/** Adds the hook that writes these headers, after the application's handlers and its error handler. */
export function addResponseHook(app: FastifyInstance): void {
  // `done` instead of a promise, which would cost more: this runs for every response, and most have nothing to write.
  app.addHook('onSend', function writeResponseState(request, reply, payload, done) {
    const state = states.get(request)
    if (!request.auth && state === undefined) return done()
    const body = isWebResponse(payload) ? writeWebResponse(reply, payload) : payload
    if (state !== undefined) {
      for (const [name, value] of headersOf(state)) reply.header(name, value)
      forget(state)
    }
    keepPrivate(reply)
    done(null, body)
  })
}

/** Whether a handler has returned a `Response` of the Fetch API, whose body nobody has read. */
function isWebResponse(payload: unknown): payload is Response {
  if (typeof payload !== 'object' || Object.prototype.toString.call(payload) !== '[object Response]') return false
  return !(payload as Response).bodyUsed
}

/** Does what Fastify does after all hooks, where the headers of the `Response` would replace those of this plugin. */
function writeWebResponse(reply: FastifyReply, { status, headers, body }: Response): Response['body'] {
  reply.code(status)
  for (const [name, value] of headers) reply.header(name, value)
  return body
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
 * add nothing twice, because the first `writeHead()` that succeeds forgets all headers.
 */
export function carryByRaw({ raw, request }: FastifyReply): void {
  const writeHead = raw.writeHead as (...args: unknown[]) => FastifyReply['raw']
  raw.writeHead = function writeHeadWithState(...args: unknown[]) {
    const state = responseState(request)
    const ours = headersOf(state)
    if (ours.length === 0) return writeHead.apply(raw, args)
    while (args.length > 0 && (args.at(-1) ?? null) === null) args.pop()
    // Headers of an argument would replace those that were set before, so they are merged here.
    const headers = args.at(-1)
    const named = typeof headers === 'object' && headers !== null ? (args.pop() as object) : {}
    for (const [name, values] of grouped(named)) raw.setHeader(name, values)
    for (const [name, value] of ours) {
      raw.setHeader(name, name === setCookie ? withLines(raw.getHeader(name), value) : value)
    }
    keepPrivate({ getHeader: (name) => raw.getHeader(name), header: (name, value) => raw.setHeader(name, value) })
    const written = writeHead.apply(raw, args)
    forget(state)
    return written
  } as typeof raw.writeHead
}

const setCookie = 'set-cookie'

function headersOf({ cookies, cacheControl }: ResponseState): [string, string | string[]][] {
  const headers: [string, string | string[]][] = []
  if (cacheControl !== null) headers.push(['cache-control', cacheControl])
  if (cookies.size > 0) headers.push([setCookie, [...cookies.values()]])
  return headers
}

/** The headers have been written, once. */
function forget(state: ResponseState): void {
  state.cookies.clear()
  state.cacheControl = null
}

/** Adds lines to those of a header, which already has them if an earlier `writeHead()` failed. */
function withLines(given: OutgoingHttpHeader | undefined, added: string | string[]): string[] {
  return [...new Set([...linesOf(given), ...[added].flat()])]
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
