import t from 'tap'
import { askForReset, post, verifyEmail } from '../../fixtures/account-client.ts'
import { login, overTls, password, production, summaryOf } from '../../fixtures/example-client.ts'
import { createInjected } from '../../fixtures/example-server.ts'
import { linkIn } from '../../fixtures/mailbox.ts'

const email = 'victim@example.com'

t.test('an address that was given at sign-up has no effect until its link is opened', async (t) => {
  const { app, mailbox } = await createInjected(t)
  const registration = { username: 'bob', password, email: 'Bob@Example.com' }
  const registered = await post(app, '/auth/register', { payload: registration })
  t.equal(registered.statusCode, 201)
  t.notMatch(registered.body, /example\.com/i)
  const { to, text } = await mailbox.next()
  t.equal(to, 'Bob@Example.com')
  const { token, purpose } = linkIn({ text })
  t.equal(purpose, 'verify')
  t.strictSame(summaryOf(await login(app, { username: 'bob@example.com' })), [401, 'LOGIN_FAILED'])

  const headers = { authorization: `Bearer ${(await login(app, { username: 'bob' })).json().access_token}` }
  const account = async () => (await app.inject({ url: '/auth/account', headers })).json()
  t.match(await account(), { username: 'bob', email: null, pending_email: 'Bob@Example.com' })
  t.equal((await post(app, '/auth/email/verify', { payload: { token } })).statusCode, 401, 'not signed in')
  t.equal((await post(app, '/auth/email/verify', { headers, payload: { token } })).statusCode, 204)
  t.match(await account(), { email: 'Bob@Example.com', pending_email: null })
  t.strictSame(summaryOf(await post(app, '/auth/email/verify', { headers, payload: { token } })), [400, 'LINK_INVALID'])
  t.equal((await login(app, { username: 'BOB@EXAMPLE.COM' })).statusCode, 200)
})

t.test('an attacker who registers with the address of a victim gains nothing', async (t) => {
  const server = await createInjected(t)
  const { app, mailbox, signIn } = server
  await post(app, '/auth/register', { payload: { username: 'mallory', password, email } })
  const ofMallory = linkIn(await mailbox.next()).token
  const victim = await signIn('victim')

  const opened = await post(app, '/auth/email/verify', { headers: victim.headers, payload: { token: ofMallory } })
  t.strictSame(summaryOf(opened), [400, 'LINK_INVALID'], 'the victim opens the link that the attacker has caused')
  t.equal((await verifyEmail(server, { headers: victim.headers, email })).statusCode, 204, 'the address is still free')

  const mallory = { authorization: `Bearer ${(await login(app, { username: 'mallory' })).json().access_token}` }
  const late = await post(app, '/auth/email/verify', { headers: mallory, payload: { token: ofMallory } })
  t.strictSame(summaryOf(late), [409, 'EMAIL_TAKEN'], 'even with the link, which only the victim has received')

  const before = mailbox.mails.length
  const again = await post(app, '/auth/email', { headers: mallory, payload: { email: email.toUpperCase() } })
  const unknown = await post(app, '/auth/email', { headers: mallory, payload: { email: 'nobody@example.com' } })
  t.strictSame([again.statusCode, again.body], [unknown.statusCode, unknown.body], 'the response reveals nothing')
  await mailbox.next()
  await mailbox.next()
  const toVictim = mailbox.mails.slice(before).find(({ to }) => to === email)!
  t.match(toVictim.text, /belongs to your account "victim"/)
  t.equal(linkIn(toVictim).token, '', 'without a link')
  t.equal((await login(app, { username: email })).json().access_token !== undefined, true)
  t.equal(linkIn({ text: `x/#reset=${await askForReset(server, email)}` }).token.split('.')[0], victim.sub)
})

t.test('of two users who verify one address at the same moment, one gets it', async (t) => {
  const { app, mailbox, signIn } = await createInjected(t)
  const users = [await signIn('ann'), await signIn('ben')]
  const tokens: string[] = []
  for (const { headers } of users) {
    await post(app, '/auth/email', { headers, payload: { email } })
    tokens.push(linkIn(await mailbox.next()).token)
  }
  const outcomes = await Promise.all(
    users.map(({ headers }, index) => post(app, '/auth/email/verify', { headers, payload: { token: tokens[index]! } }))
  )
  t.strictSame(outcomes.map(({ statusCode }) => statusCode).sort(), [204, 409])
})

t.test('a change of the address needs a fresh sign-in and the new mailbox; the old one is notified', async (t) => {
  const server = await createInjected(t)
  const { app, mailbox, signIn } = server
  const [here, elsewhere] = [await signIn('bob'), await signIn('bob')]
  t.equal((await verifyEmail(server, { headers: here.headers, email: 'old@example.com' })).statusCode, 204)
  t.equal(
    (await app.inject({ url: '/me', headers: elsewhere.headers })).statusCode,
    200,
    'a first address ends nothing'
  )

  const old = await signIn('bob', { authTime: Math.floor(Date.now() / 1000) - 301 })
  const stale = await post(app, '/auth/email', { headers: old.headers, payload: { email: 'new@example.com' } })
  t.strictSame(summaryOf(stale), [401, 'AUTH_STALE_AUTHENTICATION'])
  t.match(stale.headers['www-authenticate'], /error="insufficient_user_authentication".*max_age="300"/)

  await post(app, '/auth/email', { headers: here.headers, payload: { email: 'new@example.com' } })
  const { to, text } = await mailbox.next()
  t.equal(to, 'new@example.com')
  t.equal((await login(app, { username: 'old@example.com' })).statusCode, 200, 'the old one is valid until then')
  const { token } = linkIn({ text })
  t.equal((await post(app, '/auth/email/verify', { headers: here.headers, payload: { token } })).statusCode, 204)
  t.match(await mailbox.next(), { to: 'old@example.com', text: /now has a different e-mail address/ })
  t.equal((await login(app, { username: 'old@example.com' })).statusCode, 401)
  t.equal((await login(app, { username: 'new@example.com' })).statusCode, 200)
  t.strictSame(
    [
      (await app.inject({ url: '/me', headers: here.headers })).statusCode,
      (await app.inject({ url: '/me', headers: elsewhere.headers })).statusCode
    ],
    [200, 401],
    'all other sessions have ended'
  )
})

t.test('a change of the address can be repeated after the session store was unavailable', async (t) => {
  let isAway = false
  const server = await createInjected(t, {
    wrapStore: (store) => ({
      ...store,
      async revokeAll(...call) {
        if (isAway) throw new Error('away')
        return await store.revokeAll(...call)
      }
    })
  })
  const { app, mailbox, signIn } = server
  const [here, elsewhere] = [await signIn('bob'), await signIn('bob')]
  await verifyEmail(server, { headers: here.headers, email: 'old@example.com' })
  await post(app, '/auth/email', { headers: here.headers, payload: { email: 'new@example.com' } })
  const { token } = linkIn(await mailbox.next())
  const verify = async () => await post(app, '/auth/email/verify', { headers: here.headers, payload: { token } })
  isAway = true
  t.strictSame(summaryOf(await verify()), [503, 'AUTH_STORE_UNAVAILABLE'])
  isAway = false
  t.equal((await verify()).statusCode, 204)
  t.equal((await app.inject({ url: '/me', headers: elsewhere.headers })).statusCode, 401)
})

t.test('an attacker who was signed in cannot leave an address behind, to be confirmed later', async (t) => {
  const server = await createInjected(t)
  const { app, database, mailbox, passwords, signIn } = server
  const thief = await signIn('bob')
  await post(app, '/auth/email', { headers: thief.headers, payload: { email: 'thief@example.com' } })
  const { token } = linkIn(await mailbox.next())
  const { id, passwordHash: from } = (await database.users.byName('bob'))!
  await database.users.replacePasswordHash(id, { from, to: await passwords.hash('chosen by the owner') })
  const { headers } = await signIn('bob')
  const opened = await post(app, '/auth/email/verify', { headers, payload: { token } })
  t.strictSame(summaryOf(opened), [400, 'LINK_INVALID'], 'the owner is made to open the link')
})

t.test('a mailbox whose limit is reached gets no mail in place of another address', async (t) => {
  const { app, mailbox, signIn } = await createInjected(t)
  const flooder = await signIn('flooder')
  for (let request = 0; request < 5; request++) {
    await post(app, '/auth/email', { headers: flooder.headers, payload: { email } })
  }
  const { headers } = await signIn('mallory')
  // The second is stored before the mail of the first is written.
  await Promise.all(
    ['own@example.com', email].map((address) => post(app, '/auth/email', { headers, payload: { email: address } }))
  )
  await app.close()
  t.equal(mailbox.mails.filter(({ to }) => to === email).length, 5)
})

t.test('a link that was overtaken by another address, or has expired, is refused', async (t) => {
  let now = Date.now()
  const { app, mailbox, signIn } = await createInjected(t, { clock: () => now })
  const { headers } = await signIn('bob')
  const name = async (address: string) => {
    await post(app, '/auth/email', { headers, payload: { email: address } })
    return linkIn(await mailbox.next()).token
  }
  const verify = async (token: string) =>
    summaryOf(await post(app, '/auth/email/verify', { headers, payload: { token } }))
  const first = await name('first@example.com')
  const second = await name('second@example.com')
  t.strictSame(await verify(first), [400, 'LINK_INVALID'])
  now += 24 * 3600_000
  t.strictSame(await verify(second), [400, 'LINK_INVALID'])
})

t.test('a malformed address is refused', async (t) => {
  const { app, mailbox } = await createInjected(t)
  for (const malformed of [
    'bob',
    'bob@',
    '@example.com',
    'bob@example.com, eve@example.com',
    'bob@example.com\nBcc: eve@example.com',
    '"bob"@example.com',
    'Bob <bob@example.com>',
    'bob@exämple.com',
    'bob@example..com',
    `${'b'.repeat(250)}@example.com`,
    ['bob@example.com']
  ]) {
    const response = await post(app, '/auth/password/forgot', { payload: { email: malformed } })
    t.strictSame(summaryOf(response), [400, 'FST_ERR_VALIDATION'], String(malformed))
  }
  t.equal(mailbox.mails.length, 0)
})

t.test('without SMTP_URL, a production server refuses an address instead of losing the mail', async (t) => {
  const { app, signIn } = await createInjected(t, {
    env: { ...production, ALLOW_REGISTRATION: 'true' },
    sendsMails: false
  })
  const { headers } = await signIn('bob')
  const secure = { headers: { ...headers, ...overTls } }
  t.strictSame(summaryOf(await post(app, '/auth/email', { ...secure, payload: { email } })), [403, 'MAIL_OFF'])
  const registration = { username: 'carol', password }
  const withAddress = await post(app, '/auth/register', { headers: overTls, payload: { ...registration, email } })
  t.strictSame(summaryOf(withAddress), [403, 'MAIL_OFF'])
  t.equal((await post(app, '/auth/register', { headers: overTls, payload: registration })).statusCode, 201)
})
