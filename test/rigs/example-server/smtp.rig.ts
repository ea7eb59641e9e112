import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { SMTPServer } from 'smtp-server'
import t, { type Test } from 'tap'
import { resetMessage } from '../../../example-server/mail/messages.ts'
import { createOutbox } from '../../../example-server/mail/outbox.ts'
import { createSmtpMailer } from '../../../example-server/mail/smtp-mailer.ts'
import { freePort } from '../../fixtures/free-port.ts'

const from = 'Example <no-reply@example.com>'
const site = 'https://api.example.com'
const token = `user-1.${'a'.repeat(7)}.${'b'.repeat(43)}`
const message = (to: string) => resetMessage({ to, name: 'bob', site, token })

/** An SMTP server that requires a password, knows every mailbox but `nobody@…`, and keeps what it has received. */
async function startSmtp(t: Test, port: number) {
  const received: string[] = []
  let notify = () => {}
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
    onAuth: ({ username, password }, _session, done) =>
      username === 'user' && password === 'p@ss' ? done(null, { user: username }) : done(new Error('wrong password')),
    onRcptTo: ({ address }, _session, done) =>
      address.startsWith('nobody@') ? done(Object.assign(new Error('no such user'), { responseCode: 550 })) : done(),
    async onData(stream, _session, done) {
      received.push(await text(stream))
      done()
      notify()
    }
  })
  // A client that hangs up is an error to this server.
  server.on('error', () => {})
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  t.teardown(() => new Promise<void>((resolve) => server.close(resolve)))
  return {
    received,
    async next(count: number) {
      while (received.length < count) await new Promise<void>((resolve) => (notify = resolve))
      return received
    }
  }
}

/** An outbox that sends to this port, and what it logs. */
function createSender(t: Test, port: number, password = 'p%40ss') {
  const lines: string[] = []
  const events = new EventTarget()
  const record = (level: string) => (_error: unknown, line?: string) => {
    lines.push(`${level}: ${line}`)
    events.dispatchEvent(new Event('line'))
  }
  const outbox = createOutbox({
    mailer: createSmtpMailer({ url: `smtp://user:${password}@127.0.0.1:${port}`, from }),
    log: { warn: record('warn'), error: record('error') } as never,
    retryMs: [50, 50, 50, 50]
  })
  t.teardown(outbox.close)
  return { outbox, lines, line: async () => await once(events, 'line') }
}

/** Undoes quoted-printable (RFC 2045 §6.7), as a mail program does. */
const decode = (mail: string) =>
  mail
    .replaceAll(/=\r\n/g, '')
    .replaceAll(/=([\dA-F]{2})/g, (_all, byte: string) => String.fromCharCode(parseInt(byte, 16)))

t.test('a mail reaches an SMTP server with its link in one piece', async (t) => {
  const port = await freePort()
  const smtp = await startSmtp(t, port)
  const { outbox, lines } = createSender(t, port)
  outbox.post(async () => message('bob@example.com'))
  const [mail = ''] = await smtp.next(1)
  t.match(mail, /^From: Example <no-reply@example\.com>\r$/m)
  t.match(mail, /^To: bob@example\.com\r$/m)
  t.match(mail, /^Subject: Choose a new password\r$/m)
  t.match(mail, /^Auto-Submitted: auto-generated\r$/m)
  t.ok(decode(mail).split('\r\n').includes(`${site}/#reset=${token}`), 'a line of its own')
  t.strictSame(lines, [])
})

t.test('a mail waits while the SMTP server is down, which is logged', async (t) => {
  const port = await freePort()
  const { outbox, lines, line } = createSender(t, port)
  const logged = line()
  outbox.post(async () => message('bob@example.com'))
  await logged
  t.match(lines, ['warn: a mail was not sent: it is tried again in 0.05 s'])
  const smtp = await startSmtp(t, port)
  await smtp.next(1)
  t.equal(smtp.received.length, 1)
  // Before the server closes, which waits for its clients.
  await outbox.close()
})

t.test('an unknown mailbox and a wrong password are logged once, and do not stop other mails', async (t) => {
  const port = await freePort()
  const smtp = await startSmtp(t, port)
  const { outbox, lines } = createSender(t, port)
  outbox.post(async () => message('nobody@example.com'))
  outbox.post(async () => message('bob@example.com'))
  await smtp.next(1)
  while (outbox.size() > 0) await new Promise(setImmediate)
  t.strictSame(lines, ['error: a mail was not sent'])

  const wrong = createSender(t, port, 'wrong')
  const logged = wrong.line()
  wrong.outbox.post(async () => message('bob@example.com'))
  await logged
  t.strictSame(wrong.lines, ['error: a mail was not sent'])
  t.equal(smtp.received.length, 1)
})
