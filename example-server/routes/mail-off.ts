import { AppError } from '../errors.ts'
import type { AccountMails } from '../mail/account-mails.ts'
import { Problem, unsafe } from './problems.ts'

/** @throws AppError MAIL_OFF if the server sends no mails: a mail that nobody receives must not be promised */
export function assertMails(accountMails: AccountMails | null): asserts accountMails is AccountMails {
  if (accountMails === null) throw new AppError('MAIL_OFF')
}

export const mailOff = {
  403: Problem(
    'The server sends no mails (MAIL_OFF), or the request came from another site or, in production, over plain http',
    ['MAIL_OFF', ...unsafe]
  )
}
