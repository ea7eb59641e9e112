import fastify from 'fastify'
import { listen } from './listen.js'

const app = fastify()
app.get('/me', async () => ({ sub: 'alice' }))
app.get('/refused', async () => {
  throw Object.assign(new Error('Authentication is required'), { statusCode: 401 })
})
await listen(app)
