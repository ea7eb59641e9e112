import type { FastifyInstance, FastifyRequest } from 'fastify'

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
  app.addHook('onSend', async function writeOutgoing (request, reply) {
    const state = outgoing.get(request)
    if (state === undefined) return
    if (state.cacheControl !== null) reply.header('cache-control', state.cacheControl)
    for (const line of state.cookies.values()) reply.header('set-cookie', line)
    state.cookies.clear()
  })
}
