import fastify, { type FastifyInstance } from 'fastify'

const app: FastifyInstance = fastify()
app.get('/me', async () => ({ sub: 'alice' }))
await app.listen({ host: '127.0.0.1', port: 0 })
console.log('listening on a port')
