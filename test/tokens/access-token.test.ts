import t from 'tap'
import { createReadTokenRevocationId, tokenRevocationId } from '../../plugin/tokens/access-token.ts'
import { createLocalTokens, outcomeOf, refused, type Outcome } from '../fixtures/local-tokens.ts'
import { challenges, createApp, summaryOf } from '../fixtures/app.ts'
import { forge, goodClaims, localSigner } from '../fixtures/tokens.ts'

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

t.test(
  'verify() checks the types of jti and sid, and reads scopes and roles only if they are well-typed',
  async (t) => {
    const { tokens } = await createLocalTokens()
    const wrong = refused('jti and sid must be strings')
    const rows: [Record<string, unknown>, Outcome][] = [
      [{ jti: '', sid: '' }, 'accepted'],
      ...['jti', 'sid'].flatMap((name) =>
        [null, 7, ['x'], {}, true].map((value): [Record<string, unknown>, Outcome] => [{ [name]: value }, wrong])
      )
    ]
    for (const [claims, expected] of rows) {
      t.strictSame(
        await outcomeOf(() => tokens.verify(forge(localSigner, { claims }))),
        expected,
        JSON.stringify(claims)
      )
    }

    const grants: [Record<string, unknown>, string[], string[]][] = [
      [{}, [], []],
      [{ scope: 'a b', roles: ['admin', 'x'] }, ['a', 'b'], ['admin', 'x']],
      [{ scope: ' a  b ' }, ['a', 'b'], []],
      [{ scope: '' }, [], []],
      [{ scope: ['a'], roles: 'admin' }, [], []],
      [{ scope: 7, roles: ['admin', 7] }, [], []],
      [{ scope: null, roles: null }, [], []],
      [{ roles: { 0: 'admin', length: 1 } }, [], []]
    ]
    for (const [claims, scopes, roles] of grants) {
      const verified = await tokens.verify(forge(localSigner, { claims }))
      t.strictSame([verified.scopes, verified.roles], [scopes, roles], JSON.stringify(claims))
    }
  }
)

t.test('localAccessToken() freezes the claims at every depth, and the scopes and roles', async (t) => {
  const { tokens } = await createLocalTokens({ accessToken: { maxLifetimeSeconds: 86_400 } })
  const claims = { scope: 'a b', roles: ['admin'], tree: { list: [{ leaf: 1 }], none: null } }
  const first = await tokens.verify(forge(localSigner, { claims }))
  const tree = first.claims.tree as typeof claims.tree
  const attempts: Record<string, () => unknown> = {
    'a claim': () => {
      ;(first.claims as Record<string, unknown>).sub = 'mallory'
    },
    'a new claim': () => {
      ;(first.claims as Record<string, unknown>).admin = true
    },
    'a role': () => (first.roles as string[]).push('root'),
    'a nested list': () => tree.list.push({ leaf: 2 }),
    'a leaf': () => {
      tree.list[0]!.leaf = 2
    }
  }
  for (const [name, attempt] of Object.entries(attempts)) t.throws(attempt, TypeError, name)

  const deep = `${'['.repeat(2900)}${']'.repeat(2900)}`
  const deepest = await tokens.verify(
    forge(localSigner, { claims: JSON.stringify({ ...goodClaims, deep: 0 }).replace(':0}', `:${deep}}`) })
  )
  let level = deepest.claims.deep as unknown[]
  let depth = 1
  for (; Object.isFrozen(level) && level.length > 0; depth++) level = level[0] as unknown[]
  t.strictSame(
    [depth, Object.isFrozen(level)],
    [2900, true],
    'the deepest nesting that fits 8 KiB is frozen to its last list'
  )

  const odd = await tokens.verify(
    forge(localSigner, { claims: JSON.stringify(goodClaims).replace('{', '{"constructor":{"x":1},') })
  )
  t.ok(Object.isFrozen(odd.claims.constructor), 'a member "constructor" is not special')
  for (const list of [first.scopes, first.roles]) {
    t.throws(() => (list as string[]).push('root'), TypeError, 'scopes and roles')
  }
})

t.test(
  'deepFreeze() rejects a token with a claim named __proto__, even with a valid signature, each time',
  async (t) => {
    const { app, events } = await createApp()
    const spellings: [string, string][] = [
      ['at the top', '"__proto__":{"roles":["admin"]}'],
      ['with a plain value', '"__proto__":1'],
      ['deeper', '"profile":{"tags":[{"__proto__":{"admin":true}}]}'],
      ['in escapes', '"\\u005f_proto__":{"roles":["admin"]}']
    ]
    for (const [what, member] of spellings) {
      const token = forge(localSigner, { claims: JSON.stringify(goodClaims).replace('{', `{${member},`) })
      for (const time of ['once', 'again']) {
        const response = await app.inject({ url: '/me', headers: bearer(token) })
        t.match(
          summaryOf(response),
          { status: 401, code: 'AUTH_INVALID_TOKEN', challenge: challenges.invalid },
          `${what}, ${time}`
        )
        t.match(events(), [{ type: 'token-refused', detail: 'a claim is named __proto__' }])
      }
    }
    const text = await app.accessTokens.verify(
      forge(localSigner, { claims: { sub: '__proto__', text: '"__proto__":1' } })
    )
    t.equal(text.sub, '__proto__', 'a value may be __proto__')
  }
)

t.test('createReadTokenRevocationId() finds issuer and jti again, whatever characters they have', async (t) => {
  const read = createReadTokenRevocationId(['our own name', 'https://idp.example.com', 'a'])
  const rows: [issuer: string, jti: string][] = [
    ['https://idp.example.com', 'x'],
    ['https://idp.example.com', 'x y '],
    ['our own name', 'x'],
    ['our own name', 'name x'],
    ['https://unknown.example.com', ' '],
    ['our', 'own x'],
    ['https://unknown.example.com/a%20b', 'x']
  ]
  for (const [issuer, jti] of rows) t.strictSame(read(tokenRevocationId(issuer, jti)), { issuer, jti })
})
