import { subscribe, unsubscribe } from 'node:diagnostics_channel'
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

t.test('createEmit() publishes every event to the channel fastify-authenticate:event too', async (t) => {
  const published: unknown[] = []
  const subscriber = (event: unknown) => {
    published.push(event)
  }
  subscribe('fastify-authenticate:event', subscriber)
  t.teardown(() => unsubscribe('fastify-authenticate:event', subscriber))
  const server = await createApp()
  await server.app.inject('/me')
  await server.app.inject({ method: 'POST', url: '/login', payload: { sub: 'alice', transport: 'bearer' } })
  const events = server.events()
  t.strictSame(
    events.map(({ type }) => type),
    ['token-refused', 'session-started']
  )
  t.ok(events.every((event, index) => event === published[index]))

  const silent = await createApp({ plugin: { onEvent: undefined } })
  published.length = 0
  await silent.app.inject('/me')
  t.match(published, [{ type: 'token-refused', code: 'AUTH_NO_CREDENTIALS' }], 'without onEvent')

  const failing = await createApp({
    plugin: {
      onEvent: () => {
        throw new Error('thrown')
      }
    }
  })
  await failing.app.inject('/me')
  t.equal(published.length, 2, 'although onEvent throws')
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
