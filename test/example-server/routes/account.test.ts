import t from 'tap'
import { verifyEmail } from '../../fixtures/account-client.ts'
import { login, summaryOf } from '../../fixtures/example-client.ts'
import { createInjected } from '../../fixtures/example-server.ts'

const now = () => Math.floor(Date.now() / 1000)

t.test('the export contains what is stored about the user, and no secret', async (t) => {
  const server = await createInjected(t)
  const { app, database, signIn } = server
  const [bob, alice] = [await signIn('bob'), await signIn('alice')]
  await verifyEmail(server, { headers: bob.headers, email: 'bob@example.com' })
  await database.notes.add(bob.sub, 'remember')
  await database.notes.add(alice.sub, 'not his')
  await database.passkeys.add({ id: 'key', userId: bob.sub, name: 'laptop', publicKey: 'pQECAyYg', counter: 0 })
  await login(app, { username: 'bob@example.com', from: '192.0.2.7' })
  await login(app, { username: 'alice', from: '192.0.2.8' })

  const response = await app.inject({ url: '/auth/account/export', headers: bob.headers })
  t.equal(response.statusCode, 200)
  t.equal(response.headers['content-disposition'], 'attachment; filename="account.json"')
  t.match(response.json(), {
    exported_at: String,
    account: { id: bob.sub, username: 'bob', email: 'bob@example.com', pending_email: null, roles: [] },
    passkeys: [{ id: 'key', name: 'laptop', last_used_at: null }],
    sessions: [{ id: bob.sessionId }, {}],
    notes: [{ text: 'remember' }],
    known_addresses: [{ address: '192.0.2.7', seen_at: String }]
  })
  t.equal(response.json().known_addresses.length, 1)
  t.equal(response.json().notes.length, 1)
  t.notMatch(response.body, /argon2|passwordHash|pQECAyYg/)
})

t.test('the deletion of an account deletes everything, and ends every session', async (t) => {
  const server = await createInjected(t)
  const { app, database, mailbox, signIn } = server
  const [here, elsewhere] = [await signIn('bob', { transport: 'cookie' }), await signIn('bob')]
  await verifyEmail(server, { headers: elsewhere.headers, email: 'bob@example.com' })
  await database.notes.add(here.sub, 'remember')
  await database.passkeys.add({ id: 'key', userId: here.sub, name: 'laptop', publicKey: 'key', counter: 0 })

  const forged = { cookie: here.headers.cookie!, origin: 'https://evil.example' }
  t.strictSame(summaryOf(await app.inject({ method: 'DELETE', url: '/auth/account', headers: forged })), [
    403,
    'AUTH_CROSS_SITE'
  ])
  const deleted = await app.inject({ method: 'DELETE', url: '/auth/account', headers: here.headers })
  t.equal(deleted.statusCode, 204)
  t.ok(deleted.cookies.length > 0 && deleted.cookies.every(({ maxAge }) => maxAge === 0), 'the cookies are cleared')
  for (const { headers } of [here, elsewhere]) t.equal((await app.inject({ url: '/me', headers })).statusCode, 401)
  t.equal((await login(app, { username: 'bob' })).statusCode, 401)
  t.equal(await database.users.find('bob'), null)
  t.strictSame(await database.notes.list(here.sub), [])
  t.equal(await database.passkeys.find('key'), null)
  t.match(await mailbox.next(), { to: 'bob@example.com', text: /is deleted, with all notes/ })

  const next = await signIn('bob')
  t.not(next.sub, here.sub, 'the name is free again, for a user who has nothing of the former one')
})

t.test('dangerous actions are refused until the user signs in again', async (t) => {
  const { app, signIn } = await createInjected(t)
  const { headers } = await signIn('bob', { authTime: now() - 301 })
  const dangerous = [
    { method: 'GET', url: '/auth/account/export' },
    { method: 'DELETE', url: '/auth/account' },
    { method: 'POST', url: '/auth/email', payload: { email: 'bob@example.com' } },
    { method: 'POST', url: '/auth/passkeys/options' },
    { method: 'POST', url: '/auth/passkeys', payload: {} },
    { method: 'DELETE', url: '/auth/passkeys/key' }
  ] as const
  for (const request of dangerous) {
    const response = await app.inject({ ...request, headers })
    t.strictSame(summaryOf(response), [401, 'AUTH_STALE_AUTHENTICATION'], `${request.method} ${request.url}`)
  }
  t.equal((await app.inject({ url: '/auth/account', headers })).statusCode, 200, 'the rest is not')
})
