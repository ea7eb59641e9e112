import type { Mailer } from './mailer.ts'

/** Outside production, without `SMTP_URL`: prints each mail, so that a developer can follow its link. */
export function createConsoleMailer(print: (text: string) => void = console.log): Mailer {
  return {
    async send({ to, subject, text }) {
      print(`\nMail to ${to}: ${subject}\n\n${text.replaceAll(/^/gm, '  ')}\n`)
    },
    async close() {}
  }
}
