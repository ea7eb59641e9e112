import { setTimeout } from 'node:timers/promises'
import { getHeapStatistics } from 'node:v8'
import underPressure from '@fastify/under-pressure'
import type { FastifyInstance } from 'fastify'
import { AppError } from '../errors.ts'

/** How often the event loop and the heap are looked at. */
const sampleMs = 1000

export interface PressureOptions {
  /** The average delay of the event loop, over a second, from which on requests are refused; 0: they are not. */
  readonly maxEventLoopDelayMs: number
}

/**
 * Requests are refused with 503 while the event loop is late on average, or the heap is 90 % full. Hashing passwords
 * does not count: it runs on other threads and has its own queue.
 */
export async function refuseUnderPressure(app: FastifyInstance, { maxEventLoopDelayMs }: PressureOptions) {
  const handler = createPressureHandler()
  // Not awaited: the server listens already.
  app.addHook('onListen', (done) => {
    handler.listening().catch((error: unknown) => app.log.error(error))
    done()
  })
  await app.register(underPressure, {
    sampleInterval: sampleMs,
    maxEventLoopDelay: maxEventLoopDelayMs,
    maxHeapUsedBytes: 0.9 * getHeapStatistics().heap_size_limit,
    pressureHandler: async (_request, _reply, type) => handler.refuse(type)
  })
}

/** Does not keep the process alive. */
const waitByTimer = (ms: number): Promise<void> => setTimeout(ms, undefined, { ref: false })

interface HandlerOptions {
  /** Default: by a timer. */
  readonly wait?: (ms: number) => Promise<void>
}

/** Decides which pressure refuses a request. */
export function createPressureHandler({ wait = waitByTimer }: HandlerOptions = {}) {
  // Until then, the only load is that of the start.
  let isStartOver = false
  return {
    /**
     * Call it when the server begins to listen: the sample that is running then contains the work of the start. It ends
     * within one interval, and counts until the next one ends. Two timers in a row are late together with the sampler's
     * timers, so they end after these, however busy the machine is.
     */
    async listening(): Promise<void> {
      await wait(sampleMs)
      await wait(sampleMs)
      isStartOver = true
    },

    /** @throws AppError OVERLOADED */
    refuse(type: string): void {
      if (type === underPressure.TYPE_EVENT_LOOP_DELAY && !isStartOver) return
      throw new AppError('OVERLOADED')
    }
  }
}

/** `config` of a route that responds even under pressure: restarting a busy process would make the others busier. */
export const servesUnderPressure = { pressureHandler: async () => {} }
