import type { FastifyInstance } from 'fastify'

/**
 * What `supertokens-website` needs of a server beside its cookies: the header `front-token`, which says when the access
 * token expires, or that the session is over (`remove`), and its own path of the refresh.
 */
export function speakSupertokens(app: FastifyInstance): void {
  app.post('/auth/session/refresh', async (_request, reply) => reply.refresh())
  app.addHook('onSend', async (request, reply, payload) => {
    const { url } = request.routeOptions
    const isToken = reply.statusCode === 200 && (url === '/auth/login' || url === '/auth/session/refresh')
    if (isToken) reply.header('front-token', frontToken(JSON.parse(String(payload))))
    else if (clearsCookies(reply.getHeader('set-cookie'))) reply.header('front-token', 'remove')
    return payload
  })
}

/** `ate` is when the access token expires, in ms since the epoch; `up` are the claims that the page may read. */
function frontToken({ expires_in: expiresIn }: { expires_in: number }): string {
  const iat = Math.floor(Date.now() / 1000)
  const exp = iat + expiresIn
  return Buffer.from(JSON.stringify({ uid: 'alice', ate: exp * 1000, up: { sub: 'alice', iat, exp } })).toString(
    'base64'
  )
}

function clearsCookies(lines: unknown): boolean {
  return [lines].flat().some((line) => /Max-Age=0/i.test(String(line)))
}
