import type { FastifyInstance, FastifyRequest } from 'fastify'
import { networkOf } from './client-network.ts'
import { createLimit, tooManyAttempts } from './limit.ts'

const timeWindow = 60_000
const maxRegistrations = { ofAddress: 100, ofSite: 300 }

/** An `onRequest` hook that bounds how many registrations an address and a site may send in a minute. */
export function createRegistrationLimit(app: FastifyInstance) {
  const { ofAddress, ofSite } = maxRegistrations
  const limits = [
    createLimit(app, { max: ofAddress, timeWindow, keyGenerator: (from) => `register ${networkOf(from).address}` }),
    createLimit(app, { max: ofSite, timeWindow, keyGenerator: (from) => `register at site ${networkOf(from).site}` })
  ]

  return async function limitRegistrations(request: FastifyRequest): Promise<void> {
    for (const limit of limits) {
      const state = await limit(request)
      if (!state.isAllowed && state.isExceeded) throw tooManyAttempts(state)
    }
  }
}
