import t from 'tap'
import { createApp } from '../fixtures/app.ts'

const named = '__proto__'

/** As JSON.parse() creates it: an own member, which `Object.assign({}, claims)` would turn into a prototype. */
const planted = (value: unknown) => JSON.parse(`{"${named}":${JSON.stringify(value)}}`)

t.test(
  'checkAppClaims() rejects a claim named __proto__ at any depth, wherever an application sets claims',
  async (t) => {
    const places: [string, Record<string, unknown>][] = [
      ['at the top', planted({ admin: true })],
      ['with a plain value', planted('x')],
      ['deeper', { profile: { tags: [planted({ admin: true })] } }],
      ['by toJSON', { profile: { toJSON: () => planted(null) } }]
    ]
    let current: Record<string, unknown> = {}
    const server = await createApp({ plugin: { refreshToken: { claims: async () => ({ claims: current }) } } })
    const error = { name: 'TypeError', message: '"claims" must not contain "__proto__", at any depth' }
    const { refresh } = await server.signIn('bearer')
    const store = server.store
    const login = server.app.inject.bind(server.app)
    let claims: Record<string, unknown> = {}
    const second = await createApp({
      plugin: { store },
      after: (app) =>
        app.post('/with-claims', (_request, reply) => reply.signIn({ sub: 'alice', transport: 'bearer', claims }))
    })
    for (const [what, wrong] of places) {
      await t.rejects(server.app.accessTokens.sign({ sub: 'robot', claims: wrong }), error, `sign(): ${what}`)
      claims = wrong
      t.match(
        (await second.app.inject({ method: 'POST', url: '/with-claims' })).json(),
        { statusCode: 500, message: error.message },
        `signIn(): ${what}`
      )
      current = wrong
      t.match(
        (await login({ method: 'POST', url: '/refresh', payload: { refresh_token: refresh } })).json(),
        { statusCode: 500, message: error.message },
        `refreshToken.claims: ${what}`
      )
    }
    const harmless = {
      text: '"__proto__":{}',
      list: ['__proto__', ':'],
      nested: { proto: { '"__proto__"': 1 } },
      constructor: { prototype: 1 }
    }
    t.match(
      await server.app.accessTokens.verify(await server.app.accessTokens.sign({ sub: 'robot', claims: harmless })),
      harmless,
      'text that contains it is accepted'
    )
  }
)
