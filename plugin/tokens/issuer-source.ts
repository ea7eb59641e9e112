import type { TrustedIssuer } from './trusted-issuer.ts'

export interface FoundIssuer {
  readonly issuer: TrustedIssuer
  /** Milliseconds until the issuer must be found again, and its tokens with it. */
  readonly recheckMs: () => number
}

/** The trusted issuers: those of a list, or those that a function of the application finds. */
export interface IssuerSource {
  /** Whether there are none, so that nobody has to read the issuer of a token. */
  readonly isEmpty: boolean
  /** The issuers of a list, for messages. */
  readonly names: readonly string[]
  /** Whether `find()` may call the application. */
  readonly asks: boolean
  /** Whether an issuer is known to be trusted, without a call. */
  isKnown(iss: unknown): boolean
  /**
   * The trusted issuer of this name; `null` if no trusted issuer has it.
   * @param iss the `iss` of a token, in which nothing has been verified yet
   * @param options.isLimited whether calls for unknown issuers are limited: `false` only if no client chooses `iss`.
   * Default `true`
   * @throws AuthError AUTH_KEYS_UNAVAILABLE while the function `trustedIssuers` fails
   */
  find(iss: unknown, options?: { readonly isLimited: boolean }): Promise<FoundIssuer | null>
}
