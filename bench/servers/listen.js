import { announce } from './announce.js'

/** Starts a Fastify application. `cookies` are those of signed-in users. */
export async function listen(app, cookies) {
  await app.listen({ host: '127.0.0.1', port: 0 })
  announce(app.server, cookies)
}
