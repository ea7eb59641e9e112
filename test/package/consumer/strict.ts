// An application of someone who has switched every check of the compiler on. Nothing runs it.
import { type FastifyInstance, type FastifyPluginAsync, type FastifyReply, type FastifyRequest } from 'fastify'
import {
  AuthError,
  UnusableStoreError,
  type AuthEvent,
  type AuthenticateOptions,
  type Needs,
  type RefusalCode,
  type SessionStore
} from 'fastify-authenticate'
import { withAuthInfo } from 'fastify-authenticate/mcp'
import { storeContract } from 'fastify-authenticate/stores/contract'
import { memoryStore } from 'fastify-authenticate/stores/memory'
import { postgresStore } from 'fastify-authenticate/stores/postgres'
import { redisStore } from 'fastify-authenticate/stores/redis'
import { sqliteStore } from 'fastify-authenticate/stores/sqlite'
import { DatabaseSync } from '@photostructure/sqlite'
import { Redis } from 'ioredis'
import { Pool } from 'pg'
import { createClient, createCluster } from 'redis'

declare module 'fastify-authenticate' {
  interface AuthTypes {
    claims: { roles: ('user' | 'admin')[]; plan?: string }
  }
}

export const stores: SessionStore[] = [
  memoryStore(),
  sqliteStore(new DatabaseSync('auth.db')),
  redisStore(new Redis()),
  redisStore(createClient()),
  redisStore(createCluster({ rootNodes: [] })),
  postgresStore(new Pool({ connectionString: 'postgres://127.0.0.1' }), { schema: 'auth' })
]

export const options: AuthenticateOptions = {
  issuer: 'https://api.example.com',
  secret: process.env['AUTH_SECRET'],
  store: memoryStore(),
  protect: 'all',
  cookies: { sameSite: 'strict', renew: true },
  refreshToken: { claims: async ({ sub }) => ({ claims: { roles: [sub === 'alice' ? 'admin' : 'user'] } }) },
  onEvent: (event: AuthEvent) => console.log(event.type)
}

/** Plugins that are written for any instance. */
export const notes: FastifyPluginAsync<{ readonly prefix?: string }> = async (app) => {
  app.addHook('preHandler', async (request) => {
    request.auth?.user.roles satisfies readonly ('user' | 'admin')[] | undefined
  })
  app.get('/notes', { onRequest: [app.authenticate] }, async (request) => request.user.sub)
}

/** A function that takes any instance, whatever its server, logger and type provider are. */
export async function needsAdmin(app: Pick<FastifyInstance, 'accessTokens' | 'sessions'>): Promise<string> {
  const { revokedSessions: count = 0 } = { revokedSessions: 1 }
  await app.sessions.revokeAll('alice')
  return `${await app.accessTokens.sign({ sub: 'robot', claims: { roles: ['admin'] } })}${count}`
}

/** Hooks and handlers that are declared outside of a route. */
export async function onRequest(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const needs: Needs = { scopes: ['notes:read'], maxAgeSeconds: 300 }
  const user = await request.authenticate({ optional: true })
  user?.roles satisfies readonly string[] | undefined
  await request.authenticate(needs)
  withAuthInfo(request) satisfies object
  reply.assertSameSite()
}

export function isRefusal(error: unknown): error is AuthError {
  if (error instanceof UnusableStoreError) return false
  return error instanceof AuthError && error.code === ('AUTH_EXPIRED_TOKEN' satisfies RefusalCode)
}

export const names = storeContract(async () => ({ store: memoryStore(), async close() {} })).map(({ name }) => name)
