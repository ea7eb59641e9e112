import { getHeapStatistics } from 'node:v8'
import type { FastifyUnderPressureOptions } from '@fastify/under-pressure'
import { Refusal } from './refusals.ts'

/**
 * When requests are turned away with 503: the event loop was late by a second on average for a second, or the heap is
 * nearly as large as it may be. Hashing passwords is no pressure: that happens on other threads, and has its own queue.
 */
export const pressure: FastifyUnderPressureOptions = {
  sampleInterval: 1000,
  maxEventLoopDelay: 1000,
  maxHeapUsedBytes: 0.9 * getHeapStatistics().heap_size_limit,
  pressureHandler: async () => {
    throw new Refusal('OVERLOADED')
  }
}

/** As `config` of a route: who restarts a process because it is busy makes the others busier. */
export const answersUnderPressure = { pressureHandler: async () => {} }
