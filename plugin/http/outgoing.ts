import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/** What the answer to a request must carry, gathered while it is handled and written once, just before it is sent. */
interface Outgoing {
  /** `Set-Cookie` lines by name and domain: the last value of a name wins. */
  readonly cookies: Map<string, string>
  cacheControl: 'no-store' | 'private, no-store' | null
}

const outgoing = new WeakMap<FastifyRequest, Outgoing>()

export function outgoingOf (request: FastifyRequest): Outgoing {
  let state = outgoing.get(request)
  if (state === undefined) outgoing.set(request, state = { cookies: new Map(), cacheControl: null })
  return state
}

/** The one hook that writes our response headers, after the host's handlers and under its error handler too. */
export function addOutgoingHook (app: FastifyInstance): void {
  // With `done`, for it runs for every answer, and nearly all have nothing to write: a promise would cost more than this.
  app.addHook('onSend', function writeOutgoing (request, reply, _payload, done) {
    const state = outgoing.get(request)
    if (state !== undefined) write(state, reply)
    done()
  })
}

function write ({ cacheControl, cookies }: Outgoing, reply: FastifyReply): void {
  if (cacheControl !== null) reply.header('cache-control', cacheControl)
  for (const line of cookies.values()) reply.header('set-cookie', line)
  cookies.clear()
}
