import t from 'tap'
import { AuthError, type KeyOption } from '../../plugin/index.ts'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { createApp, createClock, issuer } from '../fixtures/app.ts'
import { createNamedKey, entry, kidOf } from '../fixtures/rotating-app.ts'
import { decode, now, localSigner } from '../fixtures/tokens.ts'

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

t.test('app.accessTokens.sign() issues a token as in RFC 9068, and verify() returns its claims', async (t) => {
  const { app } = await createApp({ plugin: { audience: ['app', 'web'] } })
  const token = await app.accessTokens.sign({
    sub: 'robot',
    scope: 'a b',
    claims: { tier: 'gold', roles: ['x'] },
    lifetimeSeconds: 30
  })
  const { jti, ...claims } = decode(token, 1)
  t.strictSame(decode(token, 0), { alg: 'HS256', typ: 'at+jwt', kid: localSigner.kid })
  t.strictSame(claims, {
    tier: 'gold',
    roles: ['x'],
    iss: issuer,
    aud: ['app', 'web'],
    sub: 'robot',
    exp: now + 30,
    iat: now,
    scope: 'a b'
  })
  t.match(jti, /^[\w-]{22}$/, '128 random bits')
  t.not(jti, decode(await app.accessTokens.sign({ sub: 'robot' }), 1).jti, 'for each token its own')
  t.strictSame(await app.accessTokens.verify(token), { ...claims, jti })
  t.strictSame(decode(await app.accessTokens.sign({ sub: 'robot', scope: '' }), 1).scope, undefined)
  t.strictSame(
    decode(await app.accessTokens.sign({ sub: 'robot', scope: null as never }), 1).scope,
    undefined,
    'no scope, as stores keep it'
  )
  t.strictSame(decode(await app.accessTokens.sign({ sub: 'robot' }), 1).exp, now + 600)
})

t.test(
  'app.accessTokens.sign() uses the first `type` of the options, and at+jwt if any type is accepted',
  async (t) => {
    const rows = [
      ['JWT', 'JWT'],
      [['JWT', 'at+jwt'], 'JWT'],
      [false, 'at+jwt']
    ] as const
    for (const [type, typ] of rows) {
      const { app } = await createApp({ plugin: { accessToken: { type } } })
      const token = await app.accessTokens.sign({ sub: 'robot' })
      t.equal(decode(token, 0).typ, typ, JSON.stringify(type))
      t.match(await app.accessTokens.verify(token), { sub: 'robot' })
    }
  }
)

t.test('prepare() rejects a token that is too long to be accepted, and names the largest claims', async (t) => {
  const { app } = await createApp()
  const filled = (length: number) =>
    app.accessTokens.sign({
      sub: 'robot',
      claims: { photo: 'x'.repeat(length), tiny: 1, list: [1, 2], gone: undefined }
    })
  const room = Math.floor(((8192 - (await filled(0)).length) * 3) / 4)
  const full = await filled(room)
  t.ok(full.length > 8188 && full.length <= 8192, `a token of ${full.length} bytes`)
  t.match(await app.accessTokens.verify(full), { sub: 'robot' }, 'is accepted')
  t.equal((await app.inject({ url: '/me', headers: bearer(full) })).statusCode, 200)

  const error = await filled(room + 3).then(
    () => null,
    (error: AuthError) => error
  )
  t.ok(error instanceof AuthError)
  t.match(error, { code: 'AUTH_TOKEN_TOO_LARGE', statusCode: 500, message: 'The access token is too large' })
  t.equal(
    error?.detail,
    `the token would exceed 8192 bytes. The largest claims: photo (${room + 5} bytes), list (5 bytes), tiny (1 bytes)`
  )
  t.notMatch(JSON.stringify(error), 'photo', 'the detail stays out of what is serialized')
  await t.rejects(app.accessTokens.sign({ sub: 'x'.repeat(8192) }), {
    code: 'AUTH_TOKEN_TOO_LARGE',
    detail: 'the token would exceed 8192 bytes. The application set no claims'
  })
})

t.test(
  'sign() uses the key that prepare() measured, or the active one if that key was removed meanwhile',
  async (t) => {
    const [a, b] = [createNamedKey('a'), createNamedKey('b')]
    const rows: [string, KeyOption[], string][] = [
      ['b is active', [entry(a, 'previous'), entry(b, 'active')], 'a'],
      ['only the public half of a remains', [{ key: a.publicKey, kid: 'a' }, entry(b, 'active')], 'a'],
      ['a is loaded again', [entry(a, 'active')], 'a'],
      ['a is removed', [entry(b, 'active')], 'b'],
      ['another key has the kid of a', [entry({ ...b, kid: 'a' }, 'active')], 'a']
    ]
    for (const [change, list, kid] of rows) {
      const clock = createClock()
      const store = memoryStore({ clock })
      const { insert } = store
      let meanwhile = async () => {}
      store.insert = async (...given) => {
        await meanwhile()
        return await insert(...given)
      }
      let keys = [entry(a, 'active')]
      const server = await createApp({ plugin: { clock, store, keys: async () => keys } })
      meanwhile = async () => {
        keys = list
        await server.app.keys.reload()
      }
      const { access } = await server.signIn('bearer')
      t.equal(kidOf(access), kid, change)
      t.equal((await server.app.inject({ url: '/me', headers: bearer(access) })).statusCode, 200, change)
    }
  }
)
