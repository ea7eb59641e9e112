import { Type } from '@sinclair/typebox'
import { optionError } from './option-error.ts'
import { oneOrMoreTexts, text } from './shape.ts'

/** Who issues the tokens, and for whom. */
export interface IssuerOptions {
  /**
   * The `iss` claim of the tokens that this application issues, and that it requires in the tokens it receives
   * (RFC 9068 §2.2). Usually the application's https URL. Required.
   */
  readonly issuer: string
  /**
   * The `aud` claim of the tokens that this application issues: a string, or a non-empty list of strings. A received
   * token must contain one of them (RFC 9068 §4). Default: `issuer`.
   */
  readonly audience?: string | readonly string[] | undefined
  /**
   * The `realm` of the `WWW-Authenticate` challenge (RFC 6750 §3), printable ASCII. Required if `issuer` is not
   * printable ASCII. Default: `issuer`.
   */
  readonly realm?: string | undefined
}

export const issuerShape = {
  issuer: text,
  audience: Type.Optional(oneOrMoreTexts),
  realm: Type.Optional(text)
}

export function resolveIssuer({ issuer, audience = issuer, realm = issuer }: IssuerOptions) {
  if (!/^[\x20-\x7e]+$/.test(realm)) throw optionError('realm', 'must be printable ASCII (it defaults to "issuer")')
  return { issuer, audience: Object.freeze([audience].flat()), realm }
}
