import type { Reader } from './readers.ts'
import type { Variables } from './variables.ts'

export interface SmtpConfig {
  /** `smtp://…` (STARTTLS where the server offers it) or `smtps://…` (TLS from the start). */
  readonly url: string
  /** The sender of all mails. */
  readonly from: string
}

const smtpUrl: Reader<string> = {
  must: 'be a URL such as smtps://user:password@host or smtp://host:587, with its parts percent-encoded',
  read: (given) => {
    if (!/^smtps?:\/\//.test(given) || !URL.canParse(given)) return undefined
    const { hostname, pathname } = new URL(given)
    return hostname !== '' && /^\/?$/.test(pathname) ? given : undefined
  }
}

/** The sender of mails: an address, or a name and an address (RFC 5322 §3.4). */
const mailbox: Reader<string> = {
  must: 'be an address such as no-reply@example.com, or Example <no-reply@example.com>',
  read: (given) => (/^(?:[^<>@",;\r\n]+ <[^<>@\s]+@[^<>@\s]+>|[^<>@\s]+@[^<>@\s]+)$/.test(given) ? given : undefined)
}

/** `null`: no SMTP server. */
export function readSmtp({ read, isSet, problems }: Variables): SmtpConfig | null {
  const url = read('SMTP_URL', smtpUrl) ?? null
  const from = read('MAIL_FROM', mailbox) ?? null
  if (isSet('SMTP_URL') && !isSet('MAIL_FROM')) problems.push('MAIL_FROM is required when SMTP_URL is set')
  return url === null || from === null ? null : { url, from }
}
