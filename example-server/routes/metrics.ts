import type { FastifyPluginAsync } from 'fastify'
import type { RouteParts } from '../app.ts'
import { answersUnderPressure } from '../pressure.ts'

export const metricsRoutes: FastifyPluginAsync<RouteParts> = async function metricsPlugin(app, { config, metrics }) {
  if (!config.metrics) return
  app.get(
    '/metrics',
    { config: answersUnderPressure, logLevel: config.probeLogLevel, schema: { hide: true } },
    async (_request, reply) => {
      return await reply.type(metrics.contentType).send(await metrics.text())
    }
  )
}
