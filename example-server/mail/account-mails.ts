import type { Passkeys } from '../database/passkeys.ts'
import type { User, Users } from '../database/users.ts'
import type { LinkToken, LinkTokens } from '../keys/link-tokens.ts'
import {
  inUseMessage,
  linkSeconds,
  noticeMessage,
  resetMessage,
  verifyMessage,
  type AccountChange
} from './messages.ts'
import type { Outbox } from './outbox.ts'

/** A new password, or another address, makes the link invalid: it works once, and only for the current owner. */
export const resetLink = ({ id, passwordHash, email }: User) => ({
  purpose: 'password-reset' as const,
  subject: id,
  binding: JSON.stringify([passwordHash, email])
})

/**
 * It confirms one address for one user, until the user names another one, or has another password: an address that
 * somebody else has named must not be confirmed after the owner has taken the account back.
 */
export const verificationLink = ({ id, pendingEmail, passwordHash }: User) => ({
  purpose: 'email-verification' as const,
  subject: id,
  binding: JSON.stringify([pendingEmail, passwordHash])
})

export interface AccountMailsParts {
  readonly outbox: Pick<Outbox, 'post'>
  readonly users: Pick<Users, 'byId' | 'byEmail'>
  readonly passkeys: Pick<Passkeys, 'list'>
  readonly linkTokens: Pick<LinkTokens, 'sign'>
  readonly publicUrl: () => string
}

export type AccountMails = ReturnType<typeof createAccountMails>

/** The mails about accounts. All are sent after the response, see `createOutbox()`. */
export function createAccountMails({ outbox, users, passkeys, linkTokens, publicUrl }: AccountMailsParts) {
  const sign = (token: LinkToken & { purpose: keyof typeof linkSeconds }) =>
    linkTokens.sign(token, linkSeconds[token.purpose])

  return {
    /**
     * Sends a link to the owner of a verified address, if there is one: to the stored address, not the given one.
     * @param onFound learns whose address it is, after the response; `null`: no user has it
     */
    sendResetLink(address: string, onFound: (sub: string | null) => void): void {
      let isReported = false
      outbox.post(async () => {
        const user = await users.byEmail(address)
        if (!isReported) onFound(user?.id ?? null)
        isReported = true
        if (user === null || user.email === null) return null
        return resetMessage({ to: user.email, name: user.name, site: publicUrl(), token: sign(resetLink(user)) })
      })
    },

    /**
     * Sends a link to the address that the user has named; to its owner, if it is another user's, only a notice.
     * Nothing, if the user has named yet another address since: `mayMail()` has not counted that one.
     */
    sendVerificationLink(userId: string, address: string): void {
      outbox.post(async () => {
        const user = await users.byId(userId)
        if (user === null || user.pendingEmail !== address) return null
        const owner = await users.byEmail(address)
        if (owner !== null && owner.id !== user.id) {
          return inUseMessage({ to: owner.email!, name: owner.name, site: publicUrl() })
        }
        const token = sign(verificationLink(user))
        return verifyMessage({ to: address, name: user.name, site: publicUrl(), token })
      })
    },

    /** Sends a notice to the address that the user had before the change, if it was verified. */
    notify({ id, email, name }: Pick<User, 'id' | 'email' | 'name'>, change: AccountChange): void {
      if (email === null) return
      outbox.post(async () => {
        const stillValid = change === 'password-reset' ? await passkeys.list(id) : []
        return noticeMessage({ to: email, name, site: publicUrl(), change, passkeys: stillValid })
      })
    }
  }
}
