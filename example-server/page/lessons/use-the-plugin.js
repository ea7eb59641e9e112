import Fastify from 'fastify'
import authenticate from 'fastify-authenticate'

const app = Fastify()
await app.register(authenticate, { issuer: 'https://api.example.com', secret: process.env.AUTH_SECRET })

app.post('/login', async (request, reply) => {
  const { password } = request.body ?? {}
  if (!password || password !== process.env.ALICE_PASSWORD) return reply.code(401).send({ message: 'Wrong password' })
  return reply.signIn({ sub: 'alice', transport: 'bearer' })
})
app.get('/me', { config: { auth: true } }, async (request) => request.user)

export { app }
