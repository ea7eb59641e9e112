import fastify from 'fastify'
import { listen } from './listen.js'

/** A route with a hook that does nothing: less than any plugin. */
const app = fastify()
app.get('/me', { onRequest: (_request, _reply, done) => done() }, async () => ({ sub: 'alice' }))
await listen(app)
