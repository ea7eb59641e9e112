import { getHeapStatistics } from 'node:v8'
import type { FastifyUnderPressureOptions } from '@fastify/under-pressure'
import { AppError } from '../errors.ts'

/**
 * Requests are refused with 503 while the event loop is late by a second on average over a second, or the heap is 90 %
 * full. Hashing passwords does not count: it runs on other threads and has its own queue.
 */
export const pressure: FastifyUnderPressureOptions = {
  sampleInterval: 1000,
  maxEventLoopDelay: 1000,
  maxHeapUsedBytes: 0.9 * getHeapStatistics().heap_size_limit,
  pressureHandler: async () => {
    throw new AppError('OVERLOADED')
  }
}

/** `config` of a route that responds even under pressure: restarting a busy process would make the others busier. */
export const servesUnderPressure = { pressureHandler: async () => {} }
