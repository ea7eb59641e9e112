import t from 'tap'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { challenges, createApp, createClock, summaryOf } from '../fixtures/app.ts'
import { cleared, issueToken, otherSecret, present, rowOf, withMethods } from '../fixtures/refresh.ts'

t.test('reply.refresh() refuses anything but a refresh token without calling the store', async (t) => {
  const calls: string[] = []
  const clock = createClock()
  const memory = memoryStore({ clock })
  const store = withMethods(memory, {
    find: async (id) => {
      calls.push('find')
      return await memory.find(id)
    },
    rotate: async (id, change) => {
      calls.push('rotate')
      return await memory.rotate(id, change)
    }
  })
  const server = await createApp({ plugin: { store } })
  const { refresh, access, sessionId } = await server.signIn('bearer')
  const [, id, , mac] = refresh.split('.')
  const { sessionKey } = await rowOf(memory, sessionId)
  server.clock.advance(60)

  await t.test('malformed, or with a wrong mac', async (t) => {
    const last = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const spareBits = refresh.slice(0, -1) + last[last.indexOf(refresh.at(-1)!) + 1]
    const shapes = [
      'x',
      '.',
      '...',
      'rt1',
      access,
      `rt2.${id}.0.${mac}`,
      `RT1.${id}.0.${mac}`,
      `rt1.${id}.${mac}`,
      `rt1.${id}.1.${mac}`,
      `rt1.${id}.00.${mac}`,
      `rt1.${id}.+0.${mac}`,
      `rt1.${id}.-0.${mac}`,
      `rt1.${id}.0x0.${mac}`,
      `rt1.${id}.0e0.${mac}`,
      `rt1.${id}.9007199254740993.${mac}`,
      `rt1.${id}..${mac}`,
      `rt1.${id}.0.${mac}.`,
      `rt1.${id}.0.${mac}=`,
      `rt1.${id}.0.${mac}A`,
      `rt1.${id}.0.${mac!.slice(0, -1)}`,
      `rt1.${id}.0.`,
      `rt1.${id}A.0.${mac}`,
      `rt1.${'A'.repeat(22)}.0.${mac}`,
      `rt1..0.${mac}`,
      spareBits,
      ` ${refresh} `.trim() + 'x',
      `rt1.${id}.0.${'A'.repeat(300)}`,
      issueToken(id!, 0, sessionKey, { by: otherSecret })
    ]
    for (const text of shapes) {
      for (const transport of ['bearer', 'cookie'] as const) {
        t.strictSame(
          summaryOf(await present(server, text, transport)),
          {
            status: 401,
            code: 'AUTH_REFRESH_INVALID',
            challenge: challenges.refresh,
            cookies: transport === 'cookie' ? cleared : [],
            cacheControl: null
          },
          `${text.slice(0, 60)} by ${transport}`
        )
      }
    }
    for (const text of ['', 'ä'.repeat(50), '\0', '\ud800', 'x'.repeat(100_000)]) {
      t.equal(
        summaryOf(await present(server, text, 'bearer')).code,
        'AUTH_REFRESH_INVALID',
        JSON.stringify(text.slice(0, 20))
      )
    }
  })

  await t.test('not a string', async (t) => {
    for (const text of [null, 1, 0, true, false, [], [refresh], {}, { refresh }]) {
      const response = await server.app.inject({
        method: 'POST',
        url: '/refresh',
        payload: { refresh_token: text },
        headers: { cookie: `__Host-refresh=${refresh}` }
      })
      t.strictSame(
        summaryOf(response),
        {
          status: 400,
          code: 'AUTH_MALFORMED_CREDENTIALS',
          challenge: challenges.malformed,
          cookies: [],
          cacheControl: null
        },
        JSON.stringify(text)
      )
    }
  })

  await t.test('no refresh token', async (t) => {
    for (const cookie of [
      '',
      '__Host-refresh=',
      '__Host-refresh',
      'other=1',
      `__Host-access=${access}`,
      `refresh=${refresh}`
    ]) {
      const response = await server.app.inject({ method: 'POST', url: '/refresh', headers: { cookie } })
      t.strictSame(
        summaryOf(response),
        { status: 401, code: 'AUTH_NO_CREDENTIALS', challenge: challenges.bare, cookies: [], cacheControl: null },
        cookie
      )
    }
    const response = await server.app.inject({
      method: 'POST',
      url: '/refresh',
      headers: { authorization: `Bearer ${refresh}` }
    })
    t.equal(summaryOf(response).code, 'AUTH_NO_CREDENTIALS', 'a refresh token in the header is not read')
  })

  await t.test('refresh cookies of two sessions, or of more than eight values', async (t) => {
    const other = await server.signIn('cookie', { sub: 'mallory' })
    calls.splice(0)
    const nine = Array.from({ length: 8 }, (_, index) => `__Host-refresh=${index}`)
    for (const cookie of [
      `__Host-refresh=${refresh}; __Host-refresh=${other.refresh}`,
      [...nine, `__Host-refresh=${refresh}`].join('; ')
    ]) {
      const response = await server.app.inject({ method: 'POST', url: '/refresh', headers: { cookie } })
      t.strictSame(summaryOf(response), {
        status: 401,
        code: 'AUTH_REFRESH_INVALID',
        challenge: challenges.refresh,
        cookies: cleared,
        cacheControl: null
      })
    }
  })
  t.strictSame(calls, [])
  t.equal((await rowOf(memory, sessionId)).generation, 0)
})
