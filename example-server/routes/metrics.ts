import type { FastifyPluginAsync } from 'fastify'
import type { Services } from '../services.ts'
import { servesUnderPressure } from '../operations/pressure.ts'

export const metricsRoutes: FastifyPluginAsync<Pick<Services, 'config' | 'metrics'>> = async function metricsPlugin(
  app,
  { config, metrics }
) {
  if (!config.metrics) return
  app.get(
    '/metrics',
    { config: servesUnderPressure, logLevel: config.probeLogLevel, schema: { hide: true } },
    async (_request, reply) => {
      return await reply.type(metrics.contentType).send(await metrics.text())
    }
  )
}
