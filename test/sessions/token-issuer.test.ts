import t from 'tap'
import { createTokenIssuer } from '../../plugin/sessions/token-issuer.ts'
import type { SessionRow } from '../../plugin/stores/session-store.ts'

const second = 1_900_000_000
const row = {
  id: 'session',
  sub: 'alice',
  sessionKey: 'key',
  generation: 3,
  scope: 'a b',
  claims: { roles: ['user'] },
  details: {},
  accessLifetimeSeconds: 600,
  idleExpiresAt: (second + 1000) * 1000,
  absoluteExpiresAt: (second + 5000) * 1000
} as unknown as SessionRow

function create(now: number) {
  const prepared: unknown[] = []
  const issuer = createTokenIssuer({
    accessTokens: {
      loadSigner: () => undefined,
      prepare: (input) => {
        prepared.push(input)
        return { length: 123, scope: input.scope ?? null, sign: (times) => JSON.stringify(times) }
      }
    },
    refreshTokens: { issue: ({ sessionId, generation, sessionKey }) => `${sessionId} ${generation} ${sessionKey}` },
    clock: () => now,
    lifetimeSeconds: 600
  })
  return { issuer, prepared }
}

t.test('prepare() checks the token of the row, and that the response can carry its length', async (t) => {
  const { issuer, prepared } = create(second * 1000)
  const checked: unknown[] = []
  const authentication = { authTime: 1, acr: 'mfa', amr: ['otp'] }
  issuer.prepare({ ...row, details: authentication }, (length, claims) => checked.push([length, claims]))
  const { sub, id: sid, scope, claims } = row
  t.strictSame([prepared, checked], [[{ sub, sid, scope, ...authentication, claims }], [[123, claims]]])
  const tooLarge = new Error('too large')
  t.throws(
    () =>
      issuer.prepare(row, () => {
        throw tooLarge
      }),
    tooLarge
  )
})

t.test('issue() rounds `iat` down, so that a node whose clock is behind accepts the token', async (t) => {
  const now = second * 1000 + 999
  const { issuer } = create(now)
  const tokens = issuer.issue(
    issuer.prepare(row, () => {}),
    { row, storeTime: now }
  )
  t.strictSame(tokens, {
    sessionId: 'session',
    sub: 'alice',
    scope: 'a b',
    accessToken: JSON.stringify({ iat: second, exp: second + 600 }),
    refreshToken: 'session 3 key',
    expiresIn: 600,
    sessionExpiresIn: 999,
    persistent: true
  })
})

t.test('issue() signs for the shortest of the lifetime, the lifetime in the row, and the session', async (t) => {
  const now = second * 1000
  const cases: [string, Partial<SessionRow>, number, number][] = [
    ['the lifetime of this node', { accessLifetimeSeconds: 3600 }, now, 600],
    ['the lifetime in the row', { accessLifetimeSeconds: 60 }, now, 60],
    ['by the clock of a store that is behind', { accessLifetimeSeconds: 600 }, now - 100_500, 500],
    ['by the clock of a store that is ahead', { accessLifetimeSeconds: 600 }, now + 100_000, 600],
    ['at least a second', { accessLifetimeSeconds: 60 }, now - 100_000, 1],
    ['the end of the session', { absoluteExpiresAt: now + 30_999 }, now, 30]
  ]
  for (const [name, changes, storeTime, expected] of cases) {
    const { issuer } = create(now)
    const { expiresIn } = issuer.issue(
      issuer.prepare(row, () => {}),
      { row: { ...row, ...changes }, storeTime }
    )
    t.equal(expiresIn, expected, name)
  }
})
