import type { FastifyPluginAsync } from 'fastify'
import { AuthError } from 'fastify-authenticate'

/**
 * Whom the page shows as signed in: as `GET /me`, but `null` for a browser without credentials, because browsers log
 * each 401 in their console. An expired token is refused as everywhere: the page then refreshes it.
 */
export const pageUserRoutes: FastifyPluginAsync = async function pageUser(app) {
  app.get('/page/me', { schema: { hide: true } }, async (request) => {
    try {
      return await request.authenticate()
    } catch (error) {
      if (error instanceof AuthError && error.code === 'AUTH_NO_CREDENTIALS') return null
      throw error
    }
  })
}
