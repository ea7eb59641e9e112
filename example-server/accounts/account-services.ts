import type { FastifyInstance } from 'fastify'
import { createMailLimit, type MailLimit } from '../attempts/mail-limit.ts'
import type { Config } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import { createLinkTokens, type LinkTokens } from '../keys/link-tokens.ts'
import { readSecrets } from '../keys/secret.ts'
import { createAccountMails, type AccountMails } from '../mail/account-mails.ts'
import type { Mailer } from '../mail/mailer.ts'
import { openMailer } from '../mail/open-mailer.ts'
import { createOutbox } from '../mail/outbox.ts'
import { createCeremonies, type Ceremonies } from '../passkeys/ceremonies.ts'
import { relyingParty } from '../passkeys/relying-party.ts'
import { createPublicUrl } from './public-url.ts'

/** What the routes of `routes/` use to verify addresses, reset passwords and add passkeys. */
export interface AccountServices {
  readonly linkTokens: LinkTokens
  /** `null` if the server sends no mails: in production, without `SMTP_URL`. */
  readonly accountMails: AccountMails | null
  readonly mayMail: MailLimit
  readonly ceremonies: Ceremonies
}

export interface AccountServicesOptions {
  readonly config: Config
  readonly database: Database
  readonly clock: () => number
  /** Default: as configured. */
  readonly mailer?: Mailer | null | undefined
}

export async function createAccountServices(
  app: FastifyInstance,
  { config, database, clock, mailer: given }: AccountServicesOptions
): Promise<AccountServices> {
  const linkTokens = createLinkTokens({ secrets: readSecrets(config), clock })
  const publicUrl = createPublicUrl(app, config)
  const mailer = given === undefined ? await openMailer(config) : given
  let accountMails: AccountMails | null = null
  if (mailer === null) app.log.warn('this server sends no mails: SMTP_URL is not set')
  else {
    const outbox = createOutbox({ mailer, log: app.log })
    app.addHook('onClose', outbox.close)
    const { users, passkeys } = database
    accountMails = createAccountMails({ outbox, users, passkeys, linkTokens, publicUrl })
  }
  return {
    linkTokens,
    accountMails,
    mayMail: createMailLimit(app),
    ceremonies: createCeremonies({
      table: database.passkeys,
      linkTokens,
      relyingParty: () => relyingParty(publicUrl(), config.trustedOrigins)
    })
  }
}
