import t, { type Test } from 'tap'
import { askForReset, post, verifyEmail } from '../../fixtures/account-client.ts'
import { login, overTls, production, summaryOf } from '../../fixtures/example-client.ts'
import { createInjected, type InjectedOptions } from '../../fixtures/example-server.ts'
import { linkIn } from '../../fixtures/mailbox.ts'

const email = 'bob@example.com'
const chosen = 'a new password'

/** A server where bob has a verified address. */
async function createBob(t: Test, options: InjectedOptions = {}) {
  const server = await createInjected(t, options)
  const bob = await server.signIn('bob')
  await verifyEmail(server, { headers: bob.headers, email })
  const reset = async (token: string, password = chosen) =>
    await post(server.app, '/auth/password/reset', { payload: { token, new_password: password } })
  return { ...server, bob, reset }
}

t.test('a link chooses a new password once, and ends every session', async (t) => {
  const server = await createBob(t)
  const { app, bob, mailbox, reset } = server
  t.strictSame(summaryOf(await login(app, { username: 'bob', given: chosen })), [401, 'LOGIN_FAILED'])
  await post(app, '/auth/password/forgot', { payload: { email: 'BOB@example.COM' } })
  const mail = await mailbox.next()
  t.equal(mail.to, email, 'to the stored address, not to the spelling in the request')
  const { site, purpose, token } = linkIn(mail)
  t.strictSame([site, purpose], ['http://localhost:3000', 'reset'], 'in the fragment')

  t.equal((await reset(token)).statusCode, 204)
  t.equal((await app.inject({ url: '/me', headers: bob.headers })).statusCode, 401)
  t.equal((await login(app, { username: 'bob' })).statusCode, 401, 'the old password')
  t.equal((await login(app, { username: 'bob', given: chosen })).statusCode, 200)
  t.match(await mailbox.next(), { to: email, text: /has a new password, chosen by a link/ }, 'the owner is notified')
  t.strictSame(summaryOf(await reset(token, 'the password of a thief')), [400, 'LINK_INVALID'], 'used again')
  t.equal((await login(app, { username: 'bob', given: chosen })).statusCode, 200)
})

t.test('of two links that were sent, and of two requests with one, only the first works', async (t) => {
  const server = await createBob(t)
  const tokens = [await askForReset(server, email), await askForReset(server, email)]
  const statuses = await Promise.all(
    [...tokens, tokens[0]!].map(async (token) => (await server.reset(token)).statusCode)
  )
  t.strictSame(statuses.sort(), [204, 400, 400])
})

t.test('a link is refused when something has changed since, or if it is not exactly as it was sent', async (t) => {
  let now = Date.now()
  const server = await createBob(t, { clock: () => now })
  const { app, bob, database, mailbox, reset } = server
  const refused = async (token: string, why: string) => {
    t.strictSame(summaryOf(await reset(token)), [400, 'LINK_INVALID'], why)
  }

  const token = await askForReset(server, email)
  const [subject, expiry, mac] = token.split('.') as [string, string, string]
  const alice = await server.signIn('alice')
  await refused([alice.sub, expiry, mac].join('.'), 'of another user')
  await refused([subject, (parseInt(expiry, 36) + 1).toString(36), mac].join('.'), 'valid for longer')
  await refused([subject, expiry, `${mac.startsWith('A') ? 'B' : 'A'}${mac.slice(1)}`].join('.'), 'another signature')
  for (const malformed of ['', 'x', '..', `${subject}..${mac}`, `${token}.`, `${token}=`, ` ${token}`]) {
    if (malformed !== '') await refused(malformed, malformed)
  }

  await post(app, '/auth/email', { headers: bob.headers, payload: { email: 'other@example.com' } })
  await refused(linkIn(await mailbox.next()).token, 'a link of another purpose')

  now += 30 * 60_000
  await refused(token, 'after 30 minutes')

  const beforeChange = await askForReset(server, email)
  const { users } = database
  const { passwordHash } = (await users.byId(bob.sub))!
  await users.replacePasswordHash(bob.sub, { from: passwordHash, to: await server.passwords.hash('chosen meanwhile') })
  await refused(beforeChange, 'the password was changed')

  const beforeOther = await askForReset(server, email)
  await verifyEmail(server, { headers: bob.headers, email: 'new@example.com' })
  await refused(beforeOther, 'the address was changed')

  await mailbox.next()
  const ofDisabled = await askForReset(server, 'new@example.com')
  await users.setDisabled(bob.sub, true)
  await refused(ofDisabled, 'the user was disabled')
})

t.test('a link survives the replacement of AUTH_SECRET while the old secret is listed', async (t) => {
  const [old, next] = [production.AUTH_SECRET, 'vutsrqponmlkjihgfedcba9876543210']
  const DATA_DIR = t.testdir()
  const before = await createBob(t, { env: { DATA_DIR, AUTH_SECRET: old } })
  const tokens = [await askForReset(before, email), await askForReset(before, email)]
  await before.app.close()
  const reset = async (secret: string, token: string) => {
    const { app } = await createInjected(t, { env: { DATA_DIR, AUTH_SECRET: secret } })
    return (await post(app, '/auth/password/reset', { payload: { token, new_password: chosen } })).statusCode
  }
  t.equal(await reset(next, tokens[0]!), 400, 'the old secret is not listed any more')
  t.equal(await reset(`${next},${old}`, tokens[0]!), 204)
})

t.test('the response does not reveal whether an address has an account', async (t) => {
  const server = await createBob(t)
  const { app, mailbox, signIn } = server
  const carol = await signIn('carol')
  await post(app, '/auth/email', { headers: carol.headers, payload: { email: 'pending@example.com' } })
  await mailbox.next()
  const before = mailbox.mails.length
  const responses = []
  for (const address of ['nobody@example.com', 'pending@example.com', email]) {
    const { statusCode, body, headers } = await post(app, '/auth/password/forgot', { payload: { email: address } })
    const { date, 'x-request-id': id, 'server-timing': timing, ...others } = headers
    responses.push({ statusCode, body, others })
  }
  t.strictSame(responses[0], responses[2])
  t.strictSame(responses[1], responses[2], 'an address that is not verified')
  t.equal(responses[0]!.statusCode, 202)
  t.match(await mailbox.next(), { to: email })
  await app.close()
  t.equal(mailbox.mails.length, before + 1, 'no mail to the others')
})

t.test('the link leads to AUTH_ISSUER, never to the host of the request', async (t) => {
  const env = { AUTH_ISSUER: 'https://api.example.com/app/' }
  const { app, mailbox } = await createBob(t, { env })
  await app.inject({
    method: 'POST',
    url: '/auth/password/forgot',
    headers: { host: 'evil.example', 'x-forwarded-host': 'evil.example', origin: 'https://evil.example' },
    payload: { email }
  })
  const mail = await mailbox.next()
  t.equal(linkIn(mail).site, 'https://api.example.com/app')
  t.notMatch(mail.text, /evil/)
})

t.test('a mailbox receives five mails in 30 minutes, and nobody is refused because of it', async (t) => {
  const { app, mailbox } = await createBob(t)
  const ask = async (from: string, address = email) =>
    (await post(app, '/auth/password/forgot', { payload: { email: address }, from })).statusCode
  const before = mailbox.mails.length
  for (let request = 0; request < 10; request++) t.equal(await ask(`192.0.2.${request}`), 202)
  const flood = []
  for (let request = 0; request < 32; request++) flood.push(await ask('198.51.100.1', `user${request}@example.com`))
  t.strictSame([flood.indexOf(429), flood.filter((status) => status === 429).length], [30, 2], '30 from one address')
  await app.close()
  t.equal(mailbox.mails.length - before, 5)
})

t.test('mails that an attacker causes do not use up the links of the owner', async (t) => {
  const { app, mailbox, signIn } = await createBob(t)
  const mallory = await signIn('mallory')
  for (let request = 0; request < 8; request++) {
    const named = await post(app, '/auth/email', { headers: mallory.headers, payload: { email } })
    t.equal(named.statusCode, 202)
  }
  // The mail that verified the address was the first of five.
  for (let notice = 0; notice < 4; notice++) t.match((await mailbox.next()).text, /belongs to your account "bob"/)
  await post(app, '/auth/password/forgot', { payload: { email }, from: '198.51.100.1' })
  t.equal(linkIn(await mailbox.next()).purpose, 'reset')
})

t.test('the notice says which passkeys can still sign in, without a word of who has added them', async (t) => {
  const server = await createBob(t)
  const { bob, database, mailbox, reset } = server
  const name = 'Your account is locked:\nhttps://evil.example'
  await database.passkeys.add({ id: 'key', userId: bob.sub, name, publicKey: 'key', counter: 0 })
  t.equal((await reset(await askForReset(server, email))).statusCode, 204)
  const { text } = await mailbox.next()
  t.match(text, /These passkeys can still sign in, without the password\..*\n\n- added on \d{4}-\d\d-\d\d\n\n/)
  t.notMatch(text, /evil/)
})

t.test('who asks for a link is logged for an investigation, and no link, token or address', async (t) => {
  const lines: string[] = []
  const server = await createBob(t, { env: { LOG_LEVEL: 'trace' }, logStream: { write: (line) => lines.push(line) } })
  const token = await askForReset(server, email)
  await post(server.app, '/auth/password/forgot', { payload: { email: 'nobody@example.com' } })
  t.equal((await server.reset(token)).statusCode, 204)
  await server.app.close()
  const requested = lines.map((line) => JSON.parse(line)).filter(({ audit }) => audit === 'password-reset-requested')
  t.strictSame(
    requested.map(({ sub }) => sub),
    [server.bob.sub, null]
  )
  t.ok(requested.every(({ remoteAddress }) => remoteAddress === '127.0.0.1'))
  t.notMatch(lines.join(''), new RegExp(`${token}|#reset|${email}`))
})

t.test('a common password is refused, and the link still works', async (t) => {
  const server = await createBob(t)
  const token = await askForReset(server, email)
  t.strictSame(summaryOf(await server.reset(token, 'password')), [400, 'PASSWORD_COMMON'])
  t.equal((await server.reset(token)).statusCode, 204)
})

t.test('without SMTP_URL, a production server says that it sends no mails', async (t) => {
  const { app } = await createInjected(t, { env: production, sendsMails: false })
  const forgot = await post(app, '/auth/password/forgot', { headers: overTls, payload: { email }, from: '192.0.2.1' })
  t.strictSame(summaryOf(forgot), [403, 'MAIL_OFF'])
})
