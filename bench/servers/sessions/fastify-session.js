import cookie from '@fastify/cookie'
import session from '@fastify/session'
import fastify from 'fastify'
import { input } from '../../input.js'
import { listen } from '../listen.js'
import { serveSession, signIn } from '../sign-in.js'
import { openDatabase } from './database.js'

const { secret, users, location, refreshing } = input
const lifetimeSeconds = 14 * 24 * 3600
const database = await openDatabase(location, refreshing ? 'fastify_session_refresh' : 'fastify_session')

/** The least store for each database. */
const stores = {
  async redis() {
    return {
      read: (id) => database.get(id),
      write: (id, text) => database.set(id, text, 'EX', lifetimeSeconds)
    }
  },
  async postgres() {
    await database.query('CREATE TABLE IF NOT EXISTS sessions (id text PRIMARY KEY, data text, expires timestamptz)')
    const read = { name: 'read', text: 'SELECT data FROM sessions WHERE id = $1 AND expires > now()' }
    const write = {
      name: 'write',
      text: `INSERT INTO sessions VALUES ($1, $2, now() + $3 * interval '1 second')
        ON CONFLICT (id) DO UPDATE SET data = excluded.data, expires = excluded.expires`
    }
    return {
      read: async (id) => (await database.query({ ...read, values: [id] })).rows[0]?.data,
      write: (id, text) => database.query({ ...write, values: [id, text, lifetimeSeconds] })
    }
  },
  async sqlite() {
    database.exec('CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, data TEXT, expires INTEGER)')
    const read = database.prepare('SELECT data FROM sessions WHERE id = ? AND expires > ?')
    const write = database.prepare('INSERT OR REPLACE INTO sessions VALUES (?, ?, ?)')
    return {
      read: async (id) => read.get(id, Date.now())?.data,
      write: async (id, text) => write.run(id, text, Date.now() + lifetimeSeconds * 1000)
    }
  }
}

const { read, write } = await stores[location.store]()
const app = fastify()
await app.register(cookie)
await app.register(session, {
  secret,
  cookie: { secure: false, maxAge: lifetimeSeconds * 1000 },
  saveUninitialized: false,
  // Each request writes the session with its new expiry, and sends the cookie again.
  rolling: refreshing,
  store: {
    get: (id, done) => {
      read(id).then((text) => done(null, text ? JSON.parse(text) : null), done)
    },
    set: (id, value, done) => {
      write(id, JSON.stringify(value)).then(() => done(null), done)
    },
    destroy: (_id, done) => done(new Error('no session ends here'))
  }
})
serveSession(app)
app.post('/refresh', async (request, reply) => {
  if (request.session.sub === undefined) return reply.code(401).send()
  return reply.code(204).send()
})
await listen(app, await signIn(app, users))
