import type { FastifyInstance, FastifyRequest } from 'fastify'

/**
 * Says in each response to a browser what it sent by itself: from which site the request came, and whether cookies came
 * along. The page shows this for the form of another site. A script can read no other header of a response that a form
 * has navigated to. Not for production, where nobody needs it.
 */
export function addSeenOrigin(app: FastifyInstance): void {
  app.addHook('onSend', async (request, reply) => {
    if (request.headers['sec-fetch-site'] === undefined) return
    const before = reply.getHeader('server-timing')
    reply.header('server-timing', [...(before === undefined ? [] : [before]), describe(request)].join(', '))
  })
}

function describe({ headers }: Pick<FastifyRequest, 'headers'>): string {
  const seen = {
    origin: headers.origin ?? 'none',
    'sec-fetch-site': String(headers['sec-fetch-site']),
    cookie: headers.cookie === undefined ? 'not sent' : 'sent'
  }
  return Object.entries(seen)
    .map(([name, value]) => `${name};desc="${isPlain(value) ? value : 'something else'}"`)
    .join(', ')
}

/** Anything else could end the quoted string (RFC 9110 §5.6.4). */
function isPlain(value: string): boolean {
  return /^[\w .:/[\]-]{1,200}$/.test(value)
}
