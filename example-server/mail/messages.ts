import type { Passkey } from '../database/passkeys.ts'
import type { Message } from './mailer.ts'

/** How long the link in a mail is valid. */
export const linkSeconds = { 'password-reset': 30 * 60, 'email-verification': 24 * 3600 } as const

interface Addressee {
  readonly to: string
  /** The username. */
  readonly name: string
}

interface Linked extends Addressee {
  /** Of the server, such as `https://api.example.com`. */
  readonly site: string
  readonly token: string
}

/**
 * The token is in the fragment: browsers send it neither to the server, whose proxies log addresses, nor in `Referer`.
 */
function link(purpose: 'reset' | 'verify', { site, token }: Pick<Linked, 'site' | 'token'>): string {
  return `${site.replace(/\/$/, '')}/#${purpose}=${token}`
}

export function resetMessage({ to, name, site, token }: Linked): Message {
  return {
    to,
    subject: 'Choose a new password',
    text: `Somebody, probably you, has asked for a new password for the account "${name}" at ${site}.

To choose one, open this link within 30 minutes. It works once.

${link('reset', { site, token })}

If you did not ask for it, you need to do nothing: your password stays as it is.`
  }
}

export function verifyMessage({ to, name, site, token }: Linked): Message {
  return {
    to,
    subject: 'Confirm your e-mail address',
    text: `The account "${name}" at ${site} has named this address as its own.

If this is your account, open this link within 24 hours, in the browser in which you are signed in:

${link('verify', { site, token })}

If it is not your account, ignore this mail: the address is not used.`
  }
}

/** Instead of a link, to the owner of an address that somebody else has named. */
export function inUseMessage({ to, name, site }: Addressee & { site: string }): Message {
  return {
    to,
    subject: 'Your e-mail address is already in use',
    text: `Somebody has named this address for another account at ${site}.
It already belongs to your account "${name}", and stays there.

If it was you: sign in as "${name}". If you do not know the password, ask for a new one at

${site}`
  }
}

const changes = {
  'password-reset': 'has a new password, chosen by a link that was sent to this address. All devices are signed out',
  'password-changed': 'has a new password. All other devices are signed out',
  'email-changed':
    'now has a different e-mail address. This address is no longer used, and all other devices are signed out',
  'passkey-added': 'has a new passkey, which can be used to sign in',
  'passkey-removed': 'has one passkey less. All other devices are signed out',
  'account-deleted': 'is deleted, with all notes'
} as const

export type AccountChange = keyof typeof changes

/** What has changed in an account, so that its owner learns of a change that somebody else has made. */
export function noticeMessage({
  to,
  name,
  site,
  change,
  passkeys = []
}: Addressee & {
  site: string
  change: AccountChange
  /** Which can sign in after the change. */
  passkeys?: readonly Pick<Passkey, 'createdAt'>[]
}): Message {
  return {
    to,
    subject: `Your account "${name}"`,
    text: `The account "${name}" at ${site} ${changes[change]}.${describePasskeys(passkeys)}

If this was not you, reply to the people who run ${site}.`
  }
}

/** Without their names: somebody else may have added one, and chosen a name that misleads the reader. */
function describePasskeys(passkeys: readonly Pick<Passkey, 'createdAt'>[]): string {
  if (passkeys.length === 0) return ''
  const dates = passkeys.map(({ createdAt }) => `- added on ${createdAt.toISOString().slice(0, 10)}`)
  return `

These passkeys can still sign in, without the password. Sign in, and remove each that is not yours:

${dates.join('\n')}`
}
