import t from 'tap'
import {
  createReadTokenRevocationId,
  externalAccessToken,
  localAccessToken,
  tokenRevocationId
} from '../../plugin/tokens/access-token.ts'
import { createLocalTokens, outcomeOf, refused, type Outcome } from '../fixtures/local-tokens.ts'
import { challenges, createApp, summaryOf } from '../fixtures/app.ts'
import type { TokenClaims } from '../../plugin/tokens/claims.ts'
import { forge, goodClaims, localSigner, now } from '../fixtures/tokens.ts'
import { heapMegabytes } from '../fixtures/heap.ts'

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

const idp = 'https://idp.example'

t.test('localAccessToken() holds what is read for each request', async (t) => {
  const claims = {
    ...goodClaims,
    nbf: now + 1,
    jti: 'x',
    sid: 'session',
    auth_time: now - 5,
    scope: 'a b',
    roles: ['c']
  }
  t.strictSame(localAccessToken('text', { ...claims }), {
    text: 'text',
    claims,
    user: claims,
    sessionId: 'session',
    isOwn: true,
    authenticatedAt: (now - 5) * 1000,
    scopes: ['a', 'b'],
    roles: ['c'],
    validFrom: now + 1,
    validUntil: now + 600,
    recheckAt: 0,
    checkedAtVersion: -1,
    wasUsed: false
  })
  const other = localAccessToken('text', { ...goodClaims, jti: 'x' })
  t.match(other, { sessionId: null, authenticatedAt: null, scopes: [], roles: [], validFrom: now })
  for (const list of [other.scopes, other.roles]) t.throws(() => (list as string[]).push('root'), TypeError)
})

t.test('authenticatedAt is rounded down: no fraction of a millisecond makes a token fresher', async (t) => {
  const rows: [authTime: unknown, authenticatedAt: number | null][] = [
    [1.0019, 1001],
    [0, 0],
    [8.64e12, 8.64e15],
    [8.64e12 + 1, null],
    [-1, null],
    ['5', null]
  ]
  for (const [authTime, expected] of rows) {
    const { authenticatedAt } = localAccessToken('text', { ...goodClaims, auth_time: authTime as number })
    t.equal(authenticatedAt, expected, String(authTime))
  }
})

t.test('externalAccessToken() has the rights of `map` and no session, and must be verified again', async (t) => {
  const given = { ...goodClaims, iss: idp, jti: 'x', sid: 'theirs', scope: 'all', roles: ['root'], groups: ['g'] }
  const seen: unknown[] = []
  const map = (claims: object) => {
    seen.push(claims, Object.isFrozen(claims))
    return { roles: ['mapped'] }
  }
  const { scope: _scope, ...others } = given
  const early = externalAccessToken('text', {
    claims: { ...given },
    issuer: { map },
    recheck: { wall: now + 300, monotonic: 7 }
  })
  t.strictSame(early, {
    text: 'text',
    claims: given,
    user: { ...others, roles: ['mapped'] },
    sessionId: null,
    isOwn: false,
    authenticatedAt: null,
    scopes: [],
    roles: ['mapped'],
    validFrom: now,
    validUntil: now + 300,
    recheckAt: 7,
    checkedAtVersion: -1,
    wasUsed: false
  })
  t.strictSame(seen, [given, true], '`map` receives frozen claims')
  t.throws(() => ((early.user as Record<string, unknown>).sub = 'mallory'), TypeError)
  t.throws(() => (early.claims.groups as string[]).push('root'), TypeError, 'at every depth')
  const late = externalAccessToken('text', {
    claims: { ...given },
    issuer: { map },
    recheck: { wall: now + 900, monotonic: 7 }
  })
  t.equal(late.validUntil, now + 600)
})

t.test('tokens share one copy of the claims that they have in common', async (t) => {
  const json = JSON.stringify({ ...goodClaims, jti: 'x', aud: 'https://a.example/'.padEnd(2 ** 16, 'a') })
  const kinds = {
    local: (claims: TokenClaims) => localAccessToken('text', claims),
    external: (claims: TokenClaims) =>
      externalAccessToken('text', { claims, issuer: { map: () => ({}) }, recheck: { wall: now, monotonic: 7 } })
  }
  for (const [kind, create] of Object.entries(kinds)) {
    const before = await heapMegabytes()
    const tokens = Array.from({ length: 400 }, () => create(JSON.parse(json)))
    const growth = (await heapMegabytes()) - before
    t.ok(growth < 5, `${kind}: ${tokens.length} tokens take ${growth.toFixed(1)} MiB: their texts have 25 MiB`)
    t.strictSame(create(tokens[0]!.claims).claims, tokens[0]!.claims, 'claims that are frozen already are read only')
  }
})

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
