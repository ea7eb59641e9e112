import t, { type Test } from 'tap'
import { readConfig } from '../../../example-server/config/config.ts'
import { createConsoleMailer } from '../../../example-server/mail/console-mailer.ts'
import type { Mailer, Message } from '../../../example-server/mail/mailer.ts'
import { openMailer } from '../../../example-server/mail/open-mailer.ts'
import { createOutbox } from '../../../example-server/mail/outbox.ts'
import { production } from '../../fixtures/example-client.ts'

const mail = (to: string): Message => ({ to, subject: 'Hello', text: 'Hello' })

/** An outbox over a mailer that does what the test says, and what it has logged. */
function createRecorded(t: Test, send: Mailer['send']) {
  const lines: [string, unknown, string][] = []
  const record =
    (level: string) =>
    (details: unknown, message = ''): void => {
      lines.push([level, details, message])
      changed()
    }
  let changed = () => {}
  const log = { warn: record('warn'), error: record('error') }
  const outbox = createOutbox({
    mailer: { send, close: async () => {} },
    log: log as never,
    retryMs: [0, 0]
  })
  t.teardown(outbox.close)
  /** Resolves when so many lines are logged. */
  async function logged(count: number) {
    while (lines.length < count) await new Promise<void>((resolve) => (changed = resolve))
    return lines
  }
  return { outbox, lines, logged }
}

t.test('post() returns before a mail is written, and sends nothing for null', async (t) => {
  const order: string[] = []
  const sent = new Promise<void>((resolve) => {
    const { outbox } = createRecorded(t, async ({ to }) => {
      order.push(`sent to ${to}`)
      resolve()
    })
    outbox.post(async () => {
      order.push('found nobody')
      return null
    })
    outbox.post(async () => mail('bob@example.com'))
    order.push('responded')
  })
  await sent
  t.strictSame(order, ['responded', 'found nobody', 'sent to bob@example.com'])
})

t.test('a mail that fails is tried again, and given up after the last failure', async (t) => {
  let failures = 0
  const { outbox, logged } = createRecorded(t, async () => {
    failures++
    throw Object.assign(new Error('451 try again later'), { responseCode: 451 })
  })
  outbox.post(async () => mail('bob@example.com'))
  t.match(await logged(3), [
    ['warn', { message: '451 try again later' }, 'a mail was not sent: it is tried again in 0 s'],
    ['warn', Error, /tried again/],
    ['error', Error, 'a mail was not sent']
  ])
  t.strictSame([failures, outbox.size()], [3, 0])
})

t.test('an address that the SMTP server rejects for good is not tried again', async (t) => {
  const { outbox, logged } = createRecorded(t, async () => {
    throw Object.assign(new Error('550 no such user'), { responseCode: 550 })
  })
  outbox.post(async () => mail('nobody@example.com'))
  t.match(await logged(1), [['error', { message: '550 no such user' }, 'a mail was not sent']])
  t.equal(outbox.size(), 0)
})

t.test('at most 1000 mails wait, and close() logs how many are lost', async (t) => {
  const { outbox, lines } = createRecorded(t, async () => {})
  for (let count = 0; count < 1000; count++) outbox.post(async () => mail('bob@example.com'))
  t.throws(() => outbox.post(async () => mail('bob@example.com')), { code: 'BUSY' })
  await outbox.close()
  t.match(lines, [['error', { lost: 1000 }, 'mails were lost, because the server stops']])
  t.throws(() => outbox.post(async () => null), { code: 'BUSY' })
})

t.test(
  'openMailer() sends by SMTP if it is configured, prints outside production, and is null otherwise',
  async (t) => {
    const smtp = { SMTP_URL: 'smtp://127.0.0.1:1', MAIL_FROM: 'no-reply@example.com' }
    t.equal(await openMailer(readConfig(production)), null)
    const mailer = await openMailer(readConfig({ ...production, ...smtp }))
    await t.rejects(mailer!.send(mail('bob@example.com')), { code: 'ESOCKET' })
    await mailer!.close()
    t.ok(await openMailer(readConfig({})))

    const printed: string[] = []
    await createConsoleMailer((text) => printed.push(text)).send(mail('bob@example.com'))
    t.strictSame(printed, ['\nMail to bob@example.com: Hello\n\n  Hello\n'])
  }
)
