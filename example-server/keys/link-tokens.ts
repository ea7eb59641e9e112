import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'

/**
 * What a token is for. Each purpose has keys of its own, so that a token of one purpose never matches another.
 * `refreshToken`, `accessToken` and the like are keys of the plugin, which derives them by other names.
 */
export type Purpose = 'password-reset' | 'email-verification' | 'passkey-sign-in' | 'passkey-registration'

export interface LinkToken {
  readonly purpose: Purpose
  /** Whom the token is for: letters, digits, `_` and `-`. It can be read in the token. */
  readonly subject: string
  /**
   * What must still be so when the token is used, such as the current password hash: the token works once, because its
   * use changes it. Only its MAC is in the token.
   */
  readonly binding: string
}

export type LinkTokens = ReturnType<typeof createLinkTokens>

/** `<subject>.<expiry in seconds since the epoch, base 36>.<HMAC-SHA256, base64url>` */
const format = /^([\w-]{1,64})\.([\da-z]{1,8})\.([\w-]{43})$/

/**
 * Tokens for links in mails and for the challenges of passkeys. They are signed and not stored: a copy of the database
 * contains no token, and without the secret nobody can make one. The first secret signs and all verify, so that a token
 * survives the replacement of `AUTH_SECRET` while the old one is still listed.
 */
export function createLinkTokens({
  secrets,
  clock
}: {
  secrets: readonly string[]
  /** Milliseconds since the epoch. */
  clock: () => number
}) {
  const derive = (secret: string, purpose: Purpose) =>
    Buffer.from(hkdfSync('sha256', secret, '', `link-token ${purpose}`, 32))

  function mac(secret: string, { purpose, subject, binding, expiry }: LinkToken & { expiry: string }): Buffer {
    return createHmac('sha256', derive(secret, purpose)).update(`${subject}.${expiry}.${binding}`).digest()
  }

  return {
    sign(token: LinkToken, lifetimeSeconds: number): string {
      const expiry = (Math.floor(clock() / 1000) + lifetimeSeconds).toString(36)
      return `${token.subject}.${expiry}.${mac(secrets[0]!, { ...token, expiry }).toString('base64url')}`
    },

    /** The subject of a token that has not been verified: who sent it may have chosen it. `null` if it is malformed. */
    subjectOf: (text: string): string | null => format.exec(text)?.[1] ?? null,

    /** When a token expires, in ms since the epoch. Not verified either. */
    expiryOf: (text: string): number => parseInt(format.exec(text)?.[2] ?? '0', 36) * 1000,

    /** Whether the token is valid: this server has signed it for this purpose and binding, and it has not expired. */
    matches(text: string, { purpose, binding }: Omit<LinkToken, 'subject'>): boolean {
      const [, subject, expiry = '', given = ''] = format.exec(text) ?? []
      if (subject === undefined) return false
      const isSigned = secrets.some((secret) =>
        timingSafeEqual(mac(secret, { purpose, subject, binding, expiry }), Buffer.from(given, 'base64url'))
      )
      return isSigned && parseInt(expiry, 36) * 1000 > clock()
    }
  }
}
