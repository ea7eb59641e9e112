import { getHeapStatistics } from 'node:v8'
import underPressure from '@fastify/under-pressure'
import type { FastifyInstance } from 'fastify'
import { AppError } from '../errors.ts'

/** How often the event loop and the heap are looked at. */
const sampleMs = 1000

export interface PressureOptions {
  /** In ms; must never go back. Default: `performance.now()`. */
  readonly clock?: () => number
}

/**
 * Requests are refused with 503 while the event loop is late by a second on average over a second, or the heap is 90 %
 * full. Hashing passwords does not count: it runs on other threads and has its own queue.
 */
export async function refuseUnderPressure(app: FastifyInstance, options: PressureOptions = {}): Promise<void> {
  const handler = createPressureHandler(options)
  app.addHook('onListen', async () => handler.listening())
  await app.register(underPressure, {
    sampleInterval: sampleMs,
    maxEventLoopDelay: 1000,
    maxHeapUsedBytes: 0.9 * getHeapStatistics().heap_size_limit,
    pressureHandler: async (_request, _reply, type) => handler.refuse(type)
  })
}

/** Decides which pressure refuses a request. */
export function createPressureHandler({ clock = () => performance.now() }: PressureOptions = {}) {
  // Until then, the only load is that of the start.
  let startedAt = Infinity
  return {
    listening(): void {
      startedAt = clock()
    },

    /**
     * The sample that is running when the server begins to listen contains the work of its start. It ends within one
     * interval, and counts until the next one ends.
     * @throws AppError OVERLOADED
     */
    refuse(type: string): void {
      if (type === underPressure.TYPE_EVENT_LOOP_DELAY && clock() - startedAt < 2 * sampleMs) return
      throw new AppError('OVERLOADED')
    }
  }
}

/** `config` of a route that responds even under pressure: restarting a busy process would make the others busier. */
export const servesUnderPressure = { pressureHandler: async () => {} }
