import { NodeSqliteDialect } from '@better-auth/kysely-adapter/node-sqlite-dialect'
import { betterAuth } from 'better-auth'
import { memoryAdapter } from 'better-auth/adapters/memory'
import { getMigrations } from 'better-auth/db/migration'
import { fromNodeHeaders } from 'better-auth/node'
import fastify from 'fastify'
import { input } from '../../input.js'
import { emailAndPassword, noRows, serveSession, signUp } from '../better-auth-users.js'
import { listen } from '../listen.js'
import { openDatabase } from './database.js'

const { issuer, secret, users, location, refreshing } = input
const database = await openDatabase(location, refreshing ? 'better_auth_refresh' : 'better_auth')

/** Sessions in the database; with Redis in the secondary storage, and users in memory. */
const storage = {
  sqlite: () => ({ database: { dialect: new NodeSqliteDialect({ database }), type: 'sqlite' } }),
  postgres: () => ({ database }),
  redis: () => ({
    database: memoryAdapter(noRows()),
    secondaryStorage: {
      get: (key) => database.get(key),
      set: (key, value, seconds) => (seconds ? database.set(key, value, 'EX', seconds) : database.set(key, value)),
      delete: (key) => database.del(key)
    }
  })
}

const options = {
  baseURL: issuer,
  secret,
  telemetry: { enabled: false },
  rateLimit: { enabled: false },
  ...storage[location.store](),
  // With 0, each check writes the new expiry, and sends the cookie again.
  session: { updateAge: refreshing ? 0 : 24 * 3600 },
  emailAndPassword
}
if (location.store !== 'redis') await (await getMigrations(options)).runMigrations()
const auth = betterAuth(options)

const app = fastify()
serveSession(app, auth)
app.post('/refresh', async (request, reply) => {
  const { response, headers } = await auth.api.getSession({
    headers: fromNodeHeaders(request.headers),
    returnHeaders: true
  })
  const cookies = headers.getSetCookie()
  if (response === null || cookies.length === 0) return reply.code(401).send()
  return reply.header('set-cookie', cookies).code(204).send()
})
await listen(app, await signUp(auth, users))
