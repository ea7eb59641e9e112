import t, { type Test } from 'tap'
import { post } from '../../fixtures/account-client.ts'
import { createAuthenticator, type Authenticator, type Ceremony } from '../../fixtures/authenticator.ts'
import { bearer, summaryOf } from '../../fixtures/example-client.ts'
import { createInjected, type InjectedOptions } from '../../fixtures/example-server.ts'

type Headers = Record<string, string>

/** A server, and the requests of its page about passkeys. */
async function createServer(t: Test, options: InjectedOptions = {}) {
  const server = await createInjected(t, options)
  const { app } = server
  const optionsOf = async (url: string, headers: Headers = {}) => (await post(app, url, { headers })).json()
  const add = async (headers: Headers, passkey: unknown, name = 'laptop') =>
    await post(app, '/auth/passkeys', { headers, payload: { name, passkey } })
  const login = async (passkey: unknown, more: object = {}) =>
    await post(app, '/auth/login/passkey', { payload: { passkey, ...more } })
  const beginLogin = async () => await optionsOf('/auth/login/passkey/options')
  return {
    ...server,
    add,
    login,
    beginLogin,
    beginAdding: async (headers: Headers) => await optionsOf('/auth/passkeys/options', headers),
    /** A user with a passkey. */
    async withPasskey(name: string, ceremony: Ceremony = {}) {
      const session = await server.signIn(name)
      const key = createAuthenticator()
      const added = await add(
        session.headers,
        key.create(await optionsOf('/auth/passkeys/options', session.headers), ceremony)
      )
      t.equal(added.statusCode, 201)
      return { ...session, key }
    }
  }
}

t.test('a passkey is added, signs in without a username, and says so in the token', async (t) => {
  const { app, beginLogin, login, withPasskey } = await createServer(t)
  const { key, sub } = await withPasskey('bob')
  const options = await beginLogin()
  t.match(options, { rpId: 'localhost', userVerification: 'required', challenge: String })
  t.strictSame(options.allowCredentials ?? [], [], 'the browser offers what it has')
  const response = await login(key.get(options))
  t.equal(response.statusCode, 200)
  const headers = bearer(response.json())
  const [, payload = ''] = response.json().access_token.split('.')
  t.match(JSON.parse(Buffer.from(payload, 'base64url').toString()), { sub, acr: 'phr', amr: ['pop', 'mfa'] })
  t.equal((await app.inject({ url: '/auth/account/export', headers })).statusCode, 200, 'it is fresh')
  const list = await app.inject({ url: '/auth/passkeys', headers })
  t.match(list.json(), [{ id: key.id, name: 'laptop', created_at: String, last_used_at: String }])
  t.notMatch(list.body, /publicKey|counter/)

  const byCookie = await login(key.get(await beginLogin()), { transport: 'cookie', remember: false })
  t.strictSame(Object.keys(byCookie.json()), ['session_id', 'expires_in'])
  t.ok(byCookie.cookies.every(({ maxAge }) => maxAge === undefined))

  t.strictSame(summaryOf(await login(key.get(options))), [401, 'PASSKEY_LOGIN_FAILED'], 'options work once')
  const { body: metrics } = await app.inject('/metrics')
  t.match(metrics, 'auth_sign_ins_total{outcome="wrong"} 1')
})

t.test('a passkey makes a session fresh, if it is the same user', async (t) => {
  const { app, beginLogin, signIn, withPasskey } = await createServer(t)
  const [bob, eve] = [await withPasskey('bob'), await withPasskey('eve')]
  const old = await signIn('bob', { authTime: Math.floor(Date.now() / 1000) - 301 })
  const again = async (key: Authenticator) =>
    await post(app, '/auth/sign-in-again', {
      headers: old.headers,
      payload: { passkey: key.get(await beginLogin()) }
    })
  t.strictSame(summaryOf(await again(eve.key)), [403, 'PASSKEY_INVALID'])
  const fresh = await again(bob.key)
  t.equal(fresh.statusCode, 200)
  t.equal((await app.inject({ url: '/auth/account/export', headers: bearer(fresh.json()) })).statusCode, 200)
})

t.test('a response that is sent again is refused, also to another node', async (t) => {
  const DATA_DIR = t.testdir()
  const env = { DATA_DIR }
  const server = await createServer(t, { env })
  const { key } = await server.withPasskey('bob')
  // As with most passkeys, the counter says nothing.
  const response = key.get(await server.beginLogin(), { counter: 0 })
  t.equal((await server.login(response)).statusCode, 200)
  t.strictSame(summaryOf(await server.login(response)), [401, 'PASSKEY_LOGIN_FAILED'])
  const other = await createServer(t, { env })
  t.strictSame(summaryOf(await other.login(response)), [401, 'PASSKEY_LOGIN_FAILED'])
  const race = key.get(await server.beginLogin(), { counter: 0 })
  const statuses = await Promise.all([race, race, race].map(async (sent) => (await server.login(sent)).statusCode))
  t.strictSame(statuses.sort(), [200, 401, 401])
})

t.test('a response that does not match is refused', async (t) => {
  let now = Date.now()
  const server = await createServer(t, {
    clock: () => now,
    env: { TRUSTED_ORIGINS: 'https://app.localhost,https://evil.example' }
  })
  const { beginAdding, beginLogin, login, withPasskey, signIn } = server
  const { key, sub } = await withPasskey('bob')
  const refused = async (response: unknown, why: string) => {
    t.strictSame(summaryOf(await login(response)), [401, 'PASSKEY_LOGIN_FAILED'], why)
  }
  const stranger = createAuthenticator()
  stranger.state.userHandle = key.state.userHandle
  await refused(stranger.get(await beginLogin()), 'an unknown passkey')
  await refused({ ...stranger.get(await beginLogin()), id: key.id, rawId: key.id }, 'the id of another')
  await refused(key.get({ challenge: Buffer.from('my own').toString('base64url') }), 'a challenge of the attacker')
  const { headers } = await signIn('bob')
  await refused(key.get(await beginAdding(headers)), 'a challenge of another purpose')

  const expired = key.get(await beginLogin())
  now += 180_000
  await refused(expired, 'after three minutes')

  for (const [wrong, why] of [
    [{ origin: 'https://evil.example' }, 'the page of another site, even one of TRUSTED_ORIGINS'],
    [{ origin: 'http://localhost:3001' }, 'another port'],
    [{ rpId: 'evil.example' }, 'another relying party'],
    [{ verifiesUser: false }, 'without user verification']
  ] as const) {
    const session = await signIn('carol')
    const added = await server.add(
      session.headers,
      createAuthenticator().create(await beginAdding(session.headers), wrong)
    )
    t.strictSame(summaryOf(added), [403, 'PASSKEY_INVALID'], `added: ${why}`)
    await refused(key.get(await beginLogin(), wrong), why)
  }

  const ofOther = key.get(await beginLogin())
  await refused(
    { ...ofOther, response: { ...ofOther.response, userHandle: Buffer.from('somebody-else').toString('base64url') } },
    'another user handle'
  )
  t.equal((await login(key.get(await beginLogin(), { counter: 50 }))).statusCode, 200)
  await refused(key.get(await beginLogin(), { counter: 49 }), 'a counter that runs backwards: the passkey was copied')

  await server.database.users.setDisabled(sub, true)
  await refused(key.get(await beginLogin(), { counter: 60 }), 'a disabled user')
})

t.test('a page of a trusted origin below the domain can use the passkeys', async (t) => {
  const env = { TRUSTED_ORIGINS: 'http://app.localhost:5173' }
  const { beginLogin, login, withPasskey } = await createServer(t, { env })
  const { key } = await withPasskey('bob', { origin: 'http://app.localhost:5173' })
  t.equal((await login(key.get(await beginLogin(), { origin: 'http://app.localhost:5173' }))).statusCode, 200)
})

t.test('the options to add a passkey belong to one session, and work once', async (t) => {
  const { add, beginAdding, beginLogin, signIn } = await createServer(t)
  const [bob, elsewhere, eve] = [await signIn('bob'), await signIn('bob'), await signIn('eve')]
  const options = await beginAdding(bob.headers)
  t.match(options, {
    rp: { id: 'localhost' },
    user: { name: 'bob' },
    authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    attestation: 'none'
  })
  const response = createAuthenticator().create(options)
  for (const [headers, why] of [
    [eve.headers, 'another user'],
    [elsewhere.headers, 'another session of the user']
  ] as const) {
    t.strictSame(summaryOf(await add(headers, response)), [403, 'PASSKEY_INVALID'], why)
  }
  const ofLogin = createAuthenticator().create({ ...(await beginLogin()), user: options.user })
  t.strictSame(summaryOf(await add(bob.headers, ofLogin)), [403, 'PASSKEY_INVALID'], 'options of another purpose')
  t.equal((await add(bob.headers, response)).statusCode, 201)
  t.strictSame(summaryOf(await add(bob.headers, response)), [403, 'PASSKEY_INVALID'], 'again')

  const { excludeCredentials } = await beginAdding(bob.headers)
  t.strictSame(
    excludeCredentials.map(({ id }: { id: string }) => id),
    [response.id]
  )
})

t.test('the id of a passkey cannot be taken by another user', async (t) => {
  const { add, beginAdding, signIn, withPasskey } = await createServer(t)
  const { key } = await withPasskey('bob')
  const eve = await signIn('eve')
  t.strictSame(summaryOf(await add(eve.headers, key.create(await beginAdding(eve.headers)))), [409, 'PASSKEYS_FULL'])
})

t.test('a certificate is refused, so that its URLs are never fetched', async (t) => {
  const { add, beginAdding, signIn } = await createServer(t)
  const { headers } = await signIn('bob')
  const response = createAuthenticator().create(await beginAdding(headers))
  const attestation = Buffer.from(response.response.attestationObject, 'base64url')
  const authData = attestation.subarray(attestation.indexOf('authData') - 1)
  // CBOR of { fmt: 'packed' or 'apple', attStmt: { x5c: [h'00'] }, authData }
  for (const format of ['packed', 'apple', 'android-safetynet', 'tpm']) {
    const fmt = Buffer.concat([Buffer.from([0x60 + format.length]), Buffer.from(format)])
    const statement = Buffer.from([0xa1, 0x63, 0x78, 0x35, 0x63, 0x81, 0x41, 0x00])
    const forged = Buffer.concat([
      Buffer.from([0xa3, 0x63]),
      Buffer.from('fmt'),
      fmt,
      Buffer.from([0x67]),
      Buffer.from('attStmt'),
      statement,
      authData
    ])
    const attestationObject = forged.toString('base64url')
    const sent = { ...response, response: { ...response.response, attestationObject } }
    t.strictSame(summaryOf(await add(headers, sent)), [403, 'PASSKEY_INVALID'], format)
  }
})

t.test('a passkey is renamed and removed by its user only, and does not sign in afterwards', async (t) => {
  const { app, beginLogin, login, mailbox, signIn, withPasskey } = await createServer(t)
  const { key, headers } = await withPasskey('bob')
  const eve = await signIn('eve')
  const url = `/auth/passkeys/${key.id}`
  const rename = async (by: Headers) =>
    await app.inject({ method: 'PATCH', url, headers: by, payload: { name: 'phone' } })
  const remove = async (by: Headers) => await app.inject({ method: 'DELETE', url, headers: by })
  t.strictSame([(await rename(eve.headers)).statusCode, (await remove(eve.headers)).statusCode], [404, 404])
  t.equal((await rename(headers)).statusCode, 204)
  t.match((await app.inject({ url: '/auth/passkeys', headers })).json(), [{ name: 'phone' }])
  const begun = await beginLogin()
  const byKey = bearer((await login(key.get(await beginLogin()))).json())
  t.equal((await app.inject({ url: '/me', headers: byKey })).statusCode, 200)
  t.equal((await remove(eve.headers)).statusCode, 404)
  t.equal((await app.inject({ url: '/me', headers: byKey })).statusCode, 200, 'another user ends nothing')
  t.equal((await remove(headers)).statusCode, 204)
  t.equal((await app.inject({ url: '/me', headers: byKey })).statusCode, 401, 'what it has started has ended')
  t.equal((await app.inject({ url: '/me', headers: eve.headers })).statusCode, 200)
  t.strictSame((await app.inject({ url: '/auth/passkeys', headers })).json(), [])
  t.strictSame(summaryOf(await login(key.get(begun))), [401, 'PASSKEY_LOGIN_FAILED'])
  t.equal(mailbox.mails.length, 0, 'without a verified address nobody is notified')
})

t.test('an id may be as long as WebAuthn allows', async (t) => {
  const { app, signIn } = await createServer(t)
  const { headers } = await signIn('bob')
  const remove = async (length: number) =>
    summaryOf(await app.inject({ method: 'DELETE', url: `/auth/passkeys/${'A'.repeat(length)}`, headers }))
  t.strictSame(await remove(101), [404, 'NOT_FOUND'])
  t.strictSame(await remove(1364), [404, 'NOT_FOUND'], '1023 bytes')
  t.strictSame(await remove(1365), [414, 'FST_ERR_MAX_PARAM_LENGTH'])
})

t.test('a server without a domain says that it cannot have passkeys', async (t) => {
  for (const AUTH_ISSUER of ['http://127.0.0.1:3000', 'http://[::1]:3000']) {
    const { app, signIn } = await createInjected(t, { env: { AUTH_ISSUER } })
    const { headers } = await signIn('bob')
    t.strictSame(summaryOf(await post(app, '/auth/login/passkey/options')), [403, 'PASSKEYS_OFF'])
    t.strictSame(summaryOf(await post(app, '/auth/passkeys/options', { headers })), [403, 'PASSKEYS_OFF'])
  }
})
