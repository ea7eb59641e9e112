import { isIP } from 'node:net'

export interface RelyingParty {
  /** The domain that passkeys belong to. */
  readonly id: string
  /** The origins whose pages may use them. */
  readonly origins: readonly string[]
}

/**
 * The relying party (WebAuthn §4): the host of the public URL. Its pages may use the passkeys, and those of trusted
 * origins that are the same host or below it: browsers refuse all others. `null` for an IP address, which cannot have
 * passkeys.
 */
export function relyingParty(publicUrl: string, trustedOrigins: readonly string[]): RelyingParty | null {
  const { hostname: id, origin } = new URL(publicUrl)
  if (isIP(id.replace(/^\[(.*)\]$/, '$1')) !== 0) return null
  const isOurs = (other: string) => {
    const { hostname } = new URL(other)
    return hostname === id || hostname.endsWith(`.${id}`)
  }
  return { id, origins: [origin, ...trustedOrigins.filter(isOurs)] }
}
