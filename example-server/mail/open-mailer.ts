import type { Config } from '../config/config.ts'
import type { Mailer } from './mailer.ts'

/** Resolves to `null` if the server sends no mails: in production, without `SMTP_URL`. Loads only what it uses. */
export async function openMailer({ smtp, production }: Pick<Config, 'smtp' | 'production'>): Promise<Mailer | null> {
  if (smtp !== null) return (await import('./smtp-mailer.ts')).createSmtpMailer(smtp)
  return production ? null : (await import('./console-mailer.ts')).createConsoleMailer()
}
