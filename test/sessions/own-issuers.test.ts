import t from 'tap'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { createApp, createClock, issuer as former } from '../fixtures/app.ts'
import { bearer, claimsOf, logout, me, refresh } from '../fixtures/signed-in.ts'

const present = 'https://api.example.org'

/** Three nodes over one store, during a move to another domain. */
async function createNodes() {
  const clock = createClock()
  const store = memoryStore({ clock })
  const node = (issuer: string | string[]) =>
    createApp({ plugin: { issuer, store, clock, refreshToken: { maxSessions: 2 } } })
  return {
    clock,
    store,
    node,
    old: await node(former),
    prepared: await node([former, present]),
    moved: await node([present, former])
  }
}

t.test('the first entry of "issuer" issues, and tokens of all entries are accepted', async (t) => {
  const { old, prepared, moved } = await createNodes()
  const signedIn = { old: await old.signIn('bearer'), moved: await moved.signIn('bearer') }
  t.match(claimsOf(signedIn.old.access), { iss: former, aud: former })
  t.match(claimsOf(signedIn.moved.access), { iss: present, aud: present })
  t.match(claimsOf(await prepared.app.accessTokens.sign({ sub: 'robot' })), { iss: former, aud: former })
  for (const access of [signedIn.old.access, signedIn.moved.access]) {
    t.equal(await me(prepared, access), 200)
    t.equal(await me(moved, access), 200)
    t.equal((await moved.app.accessTokens.verify(access)).sub, 'alice')
  }
  t.equal(await me(old, signedIn.moved.access), 'AUTH_INVALID_TOKEN', 'a node that does not know the new issuer yet')
})

t.test('a session of a former issuer is refreshed into tokens of the first issuer', async (t) => {
  const { clock, old, prepared, moved } = await createNodes()
  const { refresh: first, sessionId } = await old.signIn('bearer')
  clock.advance(20)
  const tokens = (await refresh(moved, first)).json()
  t.match(claimsOf(tokens.access_token), { iss: present, aud: present, sid: sessionId })
  t.equal(await me(prepared, tokens.access_token), 200)
  t.equal((await refresh(old, tokens.refresh_token)).json().code, 'AUTH_REFRESH_INVALID')
  const repeated = (await refresh(prepared, first)).json()
  t.match(claimsOf(repeated.access_token), { iss: former, sid: sessionId }, 'a node that still issues as before')
  clock.advance(20)
  const next = (await refresh(moved, repeated.refresh_token)).json()
  t.match(claimsOf(next.access_token), { iss: present, sid: sessionId })
  t.equal((await refresh(moved, first)).json().code, 'AUTH_REFRESH_SUPERSEDED', 'generations count on')
})

t.test('a session whose issuer was removed from "issuer" is not refreshed: revokeAll() would miss it', async (t) => {
  const { clock, node, old, moved } = await createNodes()
  const started = await old.signIn('bearer')
  clock.advance(20)
  const { refresh_token: token } = (await refresh(moved, started.refresh)).json()
  const alone = await node(present)
  clock.advance(20)
  await alone.app.sessions.revokeAll('alice')
  t.equal((await refresh(alone, token)).json().code, 'AUTH_REFRESH_INVALID')
  t.equal((await refresh(moved, token)).statusCode, 200, 'nothing was written')
})

t.test(
  'list(), revokeAll(), "maxSessions" and revokeOthers count sessions of all entries as one subject',
  async (t) => {
    const { clock, old, moved } = await createNodes()
    const one = await old.signIn('bearer')
    clock.advance(1)
    const two = await moved.signIn('bearer')
    const ids = async () => (await moved.app.sessions.list('alice')).map(({ id }) => id)
    t.strictSame(await ids(), [one.sessionId, two.sessionId])
    clock.advance(1)
    const three = await moved.signIn('bearer')
    t.strictSame(await ids(), [two.sessionId, three.sessionId], 'the oldest session was of the former issuer')
    t.equal(await me(moved, one.access), 'AUTH_REVOKED_TOKEN')

    const four = await old.signIn('bearer', { sub: 'bob' })
    clock.advance(1)
    await moved.signIn('bearer', { sub: 'bob', revokeOthers: true })
    t.equal(await me(moved, four.access), 'AUTH_REVOKED_TOKEN')

    const five = await old.signIn('bearer', { sub: 'carol' })
    const authenticatedAt = clock()
    t.equal(await moved.app.sessions.revokeAll('carol'), 1)
    t.equal(await me(moved, five.access), 'AUTH_REVOKED_TOKEN')
    const late = await old.app.inject({
      method: 'POST',
      url: '/login',
      payload: { sub: 'carol', transport: 'bearer', authenticatedAt }
    })
    t.equal(late.json().code, 'AUTH_REVOKED_TOKEN', 'the mark is of all issuers')
    t.equal(await moved.app.sessions.revoke((await old.signIn('bearer')).sessionId, { sub: 'alice' }), true)
  }
)

t.test('reply.signOut() ends a session of a former issuer, by header and by cookie', async (t) => {
  const { old, moved } = await createNodes()
  const { access } = await old.signIn('bearer')
  t.equal((await logout(moved, access)).statusCode, 204)
  t.equal(await me(moved, access), 'AUTH_REVOKED_TOKEN')
  const browser = await old.signIn('cookie')
  const response = await moved.app.inject({
    method: 'POST',
    url: '/logout',
    headers: { cookie: browser.cookie, 'sec-fetch-site': 'same-origin' }
  })
  t.equal(response.statusCode, 204)
  t.equal(await me(moved, browser.access), 'AUTH_REVOKED_TOKEN')
})

t.test('app.accessTokens.revoke() revokes a token of any entry, on every node', async (t) => {
  const { old, prepared, moved, store } = await createNodes()
  for (const [issuing, revoking] of [
    [old, moved],
    [moved, prepared]
  ] as const) {
    const token = await issuing.app.accessTokens.sign({ sub: 'robot' })
    const { jti, exp } = claimsOf(token)
    await revoking.app.accessTokens.revoke(jti, exp)
    t.equal(await me(revoking, token), 'AUTH_REVOKED_TOKEN')
    const restarted = await createApp({ plugin: { issuer: [present, former], store, clock: createClock() } })
    t.equal(await me(restarted, token), 'AUTH_REVOKED_TOKEN')
  }
  t.equal((await store.readRevocations(null, 10)).entries.length, 4)
})

t.test('the need "issuers" compares exactly: a route that names one entry refuses the other', async (t) => {
  const server = await createApp({
    plugin: { issuer: [present, former] },
    after: (app) => app.get('/new', { config: { auth: { issuers: [present] } } }, async () => 'ok')
  })
  const status = async (token: string) => (await server.app.inject({ url: '/new', headers: bearer(token) })).statusCode
  const before = await createApp({ plugin: { issuer: former } })
  t.equal(await status((await server.signIn('bearer')).access), 200)
  t.equal(await status((await before.signIn('bearer')).access), 401)
  t.equal(await me(server, (await before.signIn('bearer')).access), 200)
})

t.test(
  '"audience" and "realm" default to the first entry, and the audiences of all entries are accepted',
  async (t) => {
    const { moved } = await createNodes()
    const response = await moved.app.inject('/me')
    t.equal(response.headers['www-authenticate'], `Bearer realm="${present}"`)
    const fixed = await createApp({ plugin: { issuer: [present, former], audience: 'notes' } })
    t.equal(claimsOf(await fixed.app.accessTokens.sign({ sub: 'robot' })).aud, 'notes')
    t.equal(await me(fixed, (await moved.signIn('bearer')).access), 'AUTH_INVALID_TOKEN', 'an audience that was given')
  }
)
