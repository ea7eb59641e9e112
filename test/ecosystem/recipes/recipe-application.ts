import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'

process.env.AUTH_SECRET ??= '0123456789abcdef0123456789abcdef'

/** Listens on a loopback port until the test ends. Resolves to the origin. */
export async function serve(t: Test, app: FastifyInstance, { port = 0 } = {}): Promise<string> {
  t.teardown(() => app.close())
  return await app.listen({ port, host: '127.0.0.1' })
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
