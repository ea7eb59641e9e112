import { setTimeout } from 'node:timers/promises'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Services } from '../services.ts'
import { servesUnderPressure } from '../operations/pressure.ts'
import { AppError } from '../errors.ts'
import { badHeaders, Problem } from './problems.ts'
import { Healthy } from './schemas.ts'

/** Shorter than the timeout of a usual probe, so that the probe reads this response. */
const pingTimeoutMs = 1000

export const healthRoutes: FastifyPluginAsyncTypebox<Pick<Services, 'config' | 'database' | 'stopping'>> =
  async function health(app, { config, database, stopping }) {
    const healthy = { status: 'ok' as const }
    const logLevel = config.probeLogLevel

    app.get(
      '/health/live',
      {
        config: servesUnderPressure,
        logLevel,
        schema: {
          operationId: 'isAlive',
          summary: 'Whether the process responds',
          tags: ['health'],
          response: { 200: Healthy, ...badHeaders }
        }
      },
      async () => healthy
    )

    app.get(
      '/health/ready',
      {
        logLevel,
        schema: {
          operationId: 'isReady',
          summary: 'Whether the server may receive requests: it is not stopping, and the database responds',
          tags: ['health'],
          response: {
            200: Healthy,
            ...badHeaders,
            503: Problem('The server is stopping, or the database does not respond', [
              'STOPPING',
              'NOT_READY',
              'OVERLOADED'
            ])
          }
        }
      },
      async (request) => {
        if (stopping.aborted) throw new AppError('STOPPING')
        const timeout = new AbortController()
        try {
          await Promise.race([
            database.ping(),
            setTimeout(pingTimeoutMs, null, timeout).then(() => {
              throw new Error(`no response within ${pingTimeoutMs} ms`)
            })
          ])
          return healthy
        } catch (error) {
          request.log.warn(error, 'not ready')
          throw new AppError('NOT_READY')
        } finally {
          timeout.abort()
        }
      }
    )
  }
