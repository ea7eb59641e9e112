import { decodeJwt, decodeProtectedHeader } from 'jose'
import t from 'tap'
import { memoryStore } from '../../plugin/stores/memory.ts'
import { challenges, createApp } from '../fixtures/app.ts'
import { elsewhere, makeSigningKey, notes, startIdentityProvider } from '../fixtures/identity-provider.ts'

t.setTimeout(600_000)

type Provider = Awaited<ReturnType<typeof startIdentityProvider>>

/** An API that trusts the provider on some routes. Only its issuer is configured, the rest is discovered. */
async function createApi(provider: Provider, type: 'at+jwt' | false = 'at+jwt') {
  const issuers = [provider.url]
  const made = await createApp({
    plugin: {
      clock: Date.now,
      store: memoryStore({ clock: Date.now }),
      trustedIssuers: [
        {
          issuer: provider.url,
          audience: notes,
          algorithms: ['ES256'],
          type,
          map: ({ scope, groups }) => ({ scope: scope as string, roles: groups as string[] })
        }
      ]
    },
    after(app) {
      app.get('/theirs', { config: { auth: { issuers } } }, async ({ user, auth }) => ({
        sub: user.sub,
        sessionId: auth.sessionId,
        issuer: auth.issuer
      }))
      app.get(
        '/notes',
        { config: { auth: { issuers, scopes: ['notes:read'], roles: ['editors'] } } },
        async () => 'notes'
      )
      app.get('/admin', { config: { auth: { issuers, roles: ['admin'] } } }, async () => 'admin')
    }
  })
  const get = (url: string, token: string) => made.app.inject({ url, headers: { authorization: `Bearer ${token}` } })
  return { ...made, get, status: async (url: string, token: string) => (await get(url, token)).statusCode }
}

t.test("a real provider's access tokens, and no others of its tokens, pass the routes that name it", async (t) => {
  const provider = await startIdentityProvider(t, [makeSigningKey('one')])
  const { get, status } = await createApi(provider)
  const token = await provider.accessToken()
  t.match(decodeProtectedHeader(token), { alg: 'ES256', typ: 'at+jwt', kid: 'one' })
  t.match(decodeJwt(token), {
    iss: provider.url,
    aud: notes,
    sub: 'machine',
    scope: 'notes:read',
    sid: 'their-session'
  })

  const theirs = await get('/theirs', token)
  t.equal(theirs.statusCode, 200)
  t.strictSame(
    theirs.json(),
    { sub: 'machine', sessionId: null, issuer: provider.url },
    'no session, whatever its sid says'
  )
  t.equal(await status('/notes', token), 200, 'map() gives scope and role')
  t.equal(await status('/admin', token), 403, 'but none that it did not say')
  t.strictSame(provider.requests, { discovery: 1, jwks: 1 }, 'discovered once, fetched once')

  const own = await get('/me', token)
  t.strictSame(
    [own.statusCode, own.json().code, own.headers['www-authenticate']],
    [401, 'AUTH_INVALID_TOKEN', challenges.invalid],
    'a route that does not name it'
  )
  const other = await get('/theirs', await provider.accessToken(elsewhere))
  t.strictSame([other.statusCode, other.json().code], [401, 'AUTH_INVALID_TOKEN'], 'a token for another audience')
})

t.test("a real provider's ID tokens are refused: by typ, and by audience if any typ is accepted", async (t) => {
  const provider = await startIdentityProvider(t, [makeSigningKey('one')])
  const { status, events } = await createApi(provider)
  const [ofMachine, ofApi] = [await provider.idToken(), await provider.idToken(notes)]
  t.match(decodeJwt(ofMachine), { iss: provider.url, aud: 'machine', sub: 'alice' })
  t.match(decodeJwt(ofApi), { iss: provider.url, aud: notes, sub: 'alice' })
  for (const token of [ofMachine, ofApi]) {
    t.equal(await status('/theirs', token), 401)
    t.match(events(), [{ type: 'token-refused', detail: 'typ is not an accepted type' }])
  }
  const lenient = await createApi(provider, false)
  t.equal(await lenient.status('/theirs', await provider.accessToken()), 200)
  t.equal(await lenient.status('/theirs', ofMachine), 401)
  t.match(lenient.events(), [{ type: 'token-refused', detail: 'aud must name an accepted audience' }])
})

t.test("a real provider's token cannot sign out, and does not affect our sessions", async (t) => {
  const provider = await startIdentityProvider(t, [makeSigningKey('one')])
  const { app, signIn, status } = await createApi(provider)
  const [ours, token] = [await signIn('bearer'), await provider.accessToken()]
  const signOut = (headers: Record<string, string>) =>
    app.inject({ method: 'POST', url: '/logout', headers, payload: {} })
  t.match((await signOut({ authorization: `Bearer ${token}` })).json(), { statusCode: 401, code: 'AUTH_INVALID_TOKEN' })
  t.equal(await status('/theirs', token), 200)
  t.equal(await status('/me', ours.access), 200)

  await app.sessions.revoke('their-session')
  t.equal(await status('/theirs', token), 200, 'a session of ours by the name of their sid is another one')
  await app.sessions.revoke(ours.sessionId)
  t.equal(await status('/me', ours.access), 401)
  t.equal(await status('/theirs', token), 200)
})

t.test('a real provider rotates its keys while requests run, and none is refused', async (t) => {
  const [one, two] = [makeSigningKey('one'), makeSigningKey('two')]
  const provider = await startIdentityProvider(t, [one, two])
  const { status } = await createApi(provider)
  const refused: number[] = []
  const run = { calls: 0, done: false }
  const keep = async () => {
    while (!run.done) {
      const answer = await status('/theirs', await provider.accessToken())
      run.calls++
      if (answer !== 200) refused.push(answer)
    }
  }
  const kid = async () => decodeProtectedHeader(await provider.accessToken()).kid
  const clients = Array.from({ length: 8 }, keep)
  const past = async (count: number) => {
    const goal = run.calls + count
    while (run.calls < goal) await status('/theirs', await provider.accessToken())
  }

  await past(20)
  t.equal(await kid(), 'one')
  const old = await provider.accessToken()
  provider.rotate([two, one])
  await past(20)
  t.equal(await kid(), 'two', 'the key that was published before signs')
  t.equal(await status('/theirs', old), 200, 'and tokens of the other one are still good')
  provider.rotate([two])
  await past(20)
  run.done = true
  await Promise.all(clients)
  t.strictSame(refused, [])
  t.ok(run.calls >= 60, `${run.calls} calls`)
  t.strictSame(provider.requests, { discovery: 1, jwks: 1 }, 'one set served them all')
})
