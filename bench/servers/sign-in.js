/** Adds the sign-in and the measured session check, for libraries that keep `request.session`. */
export function serveSession(app) {
  app.post('/login', async (request) => {
    request.session.sub = 'alice'
    return {}
  })
  app.get('/me', async (request, reply) => {
    if (request.session.sub === undefined) return reply.code(401).send()
    return { sub: request.session.sub }
  })
}

/** Signs `users` users in by `/login`, and returns the cookies of each. */
export async function signIn(app, users) {
  const cookies = []
  while (cookies.length < users) {
    const response = await app.inject({ method: 'POST', url: '/login' })
    cookies.push(response.cookies.map(({ name, value }) => `${name}=${encodeURIComponent(value)}`).join('; '))
  }
  return cookies
}
