import t from 'tap'
import { createApp, secret } from './fixtures/app.ts'
import { setImmediate } from 'node:timers/promises'
import type { AuthEvent } from '../plugin/index.ts'
import type { FastifyInstance } from 'fastify'

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

t.test('createEmit() never fails a request, even if onEvent throws or rejects', async (t) => {
  for (const onEvent of [
    () => {
      throw new Error('thrown')
    },
    async () => {
      throw new Error('rejected')
    }
  ]) {
    const server = await createApp({ plugin: { onEvent } })
    t.equal((await server.app.inject('/me')).statusCode, 401)
    await server.signIn('bearer')
    await setImmediate()
    t.strictSame([...new Set(server.warnings())], ['onEvent failed'])
  }
})

t.test('no event, log line or response contains a token or a secret', async (t) => {
  const events: AuthEvent[] = []
  const lines: string[] = []
  const logger = {
    level: 'trace',
    stream: {
      write: (line: string) => {
        lines.push(line)
      }
    }
  }
  const server = await createApp({ server: { logger } as never, plugin: { onEvent: (event) => events.push(event) } })
  const { access, refresh, cookie } = await server.signIn('cookie')
  const post = (app: FastifyInstance, url: string, headers: object, payload?: object) =>
    app.inject({ method: 'POST', url, headers: { ...headers }, ...(payload && { payload }) })
  const responses = [
    await post(server.app, '/me', { cookie, origin: 'https://evil.example' }),
    await server.app.inject({ url: '/me', headers: bearer(`${access}x`) }),
    await post(server.app, '/refresh', {}, { refresh_token: `${refresh}x` }),
    await post(server.app, '/logout', { cookie }),
    await server.app.inject({ url: '/me', headers: { cookie } }),
    await post(server.app, '/refresh', { cookie })
  ]
  const output = [
    ...events.map((event) => JSON.stringify(event)),
    ...lines,
    ...responses.map(({ body, headers }) => body + JSON.stringify(headers))
  ].join('\n')
  t.ok(events.length > 5 && lines.length > 5)
  for (const part of [...access.split('.').slice(1), refresh.split('.')[3]!, secret]) {
    t.notOk(output.includes(part), part.slice(0, 8))
  }
})
