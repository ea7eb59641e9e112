import type { SmtpConfig } from '../config/smtp.ts'
import type { Mailer } from './mailer.ts'

const timeoutMs = 10_000

/** Sends by an SMTP server. `nodemailer` is loaded with the first mail: most starts do not need it. */
export function createSmtpMailer({ url, from }: SmtpConfig): Mailer {
  let loading: ReturnType<typeof load> | null = null

  async function load() {
    const { createTransport } = await import('nodemailer')
    return createTransport({
      url,
      pool: true,
      maxConnections: 2,
      connectionTimeout: timeoutMs,
      greetingTimeout: timeoutMs,
      socketTimeout: timeoutMs
    })
  }

  return {
    async send(message) {
      loading ??= load()
      // RFC 3834 §5: so that no out-of-office reply is sent to it.
      await (await loading).sendMail({ ...message, from, headers: { 'Auto-Submitted': 'auto-generated' } })
    },
    async close() {
      ;(await loading)?.close()
    }
  }
}
