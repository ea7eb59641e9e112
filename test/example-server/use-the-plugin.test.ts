import type { FastifyInstance } from 'fastify'
import t from 'tap'

process.env.AUTH_SECRET = '0123456789abcdefghijklmnopqrstuv'
process.env.ALICE_PASSWORD = 'correct horse battery'

t.test('the lines with which the page ends sign in, and accept the token', async (t) => {
  const path = '../../example-server/page/lessons/use-the-plugin.js'
  const { app } = (await import(path)) as { app: FastifyInstance }
  t.teardown(() => app.close())
  const login = async (password: string) => await app.inject({ url: '/login', method: 'POST', payload: { password } })
  t.equal((await login('wrong')).statusCode, 401)
  const { access_token: token } = (await login('correct horse battery')).json<{ access_token: string }>()
  const me = async (headers = {}) => (await app.inject({ url: '/me', headers })).statusCode
  t.strictSame([await me(), await me({ authorization: `Bearer ${token}` })], [401, 200])
})
