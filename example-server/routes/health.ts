import { setTimeout } from 'node:timers/promises'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { RouteParts } from '../app.ts'
import { answersUnderPressure } from '../pressure.ts'
import { Refusal } from '../refusals.ts'
import { Healthy, Problem } from '../schemas.ts'

const patienceMs = 1000

export const healthRoutes: FastifyPluginAsyncTypebox<RouteParts> = async function health(app, { config, database }) {
  const healthy = { status: 'ok' as const }
  const logLevel = config.probeLogLevel

  app.get(
    '/health/live',
    {
      config: answersUnderPressure,
      logLevel,
      schema: { summary: 'Whether the process answers', tags: ['health'], response: { 200: Healthy } }
    },
    async () => healthy
  )

  app.get(
    '/health/ready',
    {
      logLevel,
      schema: {
        summary: 'Whether the database answers',
        tags: ['health'],
        response: { 200: Healthy, 503: Problem('It does not') }
      }
    },
    async (request) => {
      const timeout = new AbortController()
      try {
        await Promise.race([
          database.ping(),
          setTimeout(patienceMs, null, timeout).then(() => {
            throw new Error(`no answer within ${patienceMs} ms`)
          })
        ])
        return healthy
      } catch (error) {
        request.log.warn(error, 'not ready')
        throw new Refusal('NOT_READY')
      } finally {
        timeout.abort()
      }
    }
  )
}
