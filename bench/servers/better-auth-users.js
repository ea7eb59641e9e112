import { fromNodeHeaders } from 'better-auth/node'

/** Of the memory adapter. */
export const noRows = () => ({ user: [], session: [], account: [], verification: [] })

/** Sign-in is not measured. */
export const emailAndPassword = {
  enabled: true,
  password: { hash: async () => 'hash', verify: async () => true }
}

/** Adds the measured session check. */
export function serveSession(app, auth) {
  app.get('/me', async (request, reply) => {
    const session = await auth.api.getSession({ headers: fromNodeHeaders(request.headers) })
    if (session === null) return reply.code(401).send()
    return { sub: session.user.name }
  })
}

/** Signs `users` users up, and returns the cookies of each. */
export async function signUp(auth, users) {
  const cookies = []
  while (cookies.length < users) {
    const body = { email: `alice${cookies.length}@example.com`, password: 'correct horse', name: 'alice' }
    const { headers } = await auth.api.signUpEmail({ body, returnHeaders: true })
    const lines = headers.getSetCookie()
    cookies.push(lines.map((cookie) => cookie.split(';')[0]).join('; '))
  }
  return cookies
}
