import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { createAuth, type AuthOptions } from '../../../client/index.js'
import { startApplication } from './application.ts'

interface Given {
  readonly fetch?: AuthOptions['fetch']
  /** Adds routes that need a user. */
  readonly more?: (app: FastifyInstance) => unknown
}

/** An application, and a client of Alice's session, whose access token has not expired yet. */
export async function signIn(t: Test, { fetch: given, more }: Given = {}) {
  const application = await startApplication(t, more)
  const { url, log } = application
  const auth = createAuth({
    baseUrl: url,
    refresh: '/auth/refresh',
    signOut: '/auth/logout',
    transport: 'bearer',
    ...(given && { fetch: given })
  })
  t.teardown(() => auth.close())
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ sub: 'alice', transport: 'bearer' })
  await auth.signedIn(await fetch(`${url}/login`, { method: 'POST', headers, body }))
  log()
  return { ...application, auth }
}

/** What the application logs of a request that is sent with an expired token. */
export const repeated = (request: string) => [`${request} 401`, 'POST /auth/refresh 200', `${request} 200`]
