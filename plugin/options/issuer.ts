import { optionError } from './option-error.ts'
import { oneOrMoreTexts, text } from './shape.ts'

/** Who issues the tokens, and for whom. */
export interface IssuerOptions {
  /**
   * The `iss` claim of the tokens that this application issues, and that it requires in the tokens it receives
   * (RFC 9068 §2.2). Usually the application's https URL. A list if the application has moved: the first entry issues,
   * all are accepted, and their sessions and revocations count as one. Required.
   * ```ts
   * await app.register(authenticate, { issuer: ['https://api.example.org', 'https://api.example.com'], secret })
   * ```
   */
  readonly issuer: string | readonly string[]
  /**
   * The `aud` claim of the tokens that this application issues: a string, or a non-empty list of strings. A received
   * token must contain one of them (RFC 9068 §4). Default: `issuer`; of a list, the first entry is issued and all are
   * accepted.
   */
  readonly audience?: string | readonly string[] | undefined
  /**
   * The `realm` of the `WWW-Authenticate` challenge (RFC 6750 §3), printable ASCII. Required if `issuer` is not
   * printable ASCII. Default: `issuer`, of a list the first entry.
   */
  readonly realm?: string | undefined
}

export const issuerShape = {
  issuer: oneOrMoreTexts,
  audience: oneOrMoreTexts,
  realm: text
}

/** In the need `issuers`: every trusted issuer. So no issuer can have this name. */
export const anyTrusted = 'trusted'

/** @throws TypeError that names the option */
export function assertNotReserved(issuer: string, name: string): void {
  if (issuer !== anyTrusted) return
  throw optionError(name, `must not be "${anyTrusted}", which has a meaning in \`issuers\``)
}

export function resolveIssuer(given: IssuerOptions) {
  const issuers = Object.freeze([given.issuer].flat())
  const issuer = issuers[0]!
  const { audience, realm = issuer } = given
  const repeated = issuers.findIndex((entry, index) => issuers.indexOf(entry) !== index)
  if (repeated >= 0) throw optionError(`issuer.${repeated}`, 'repeats an earlier entry')
  for (const [index, entry] of issuers.entries()) assertNotReserved(entry, `issuer.${index}`)
  if (!/^[\x20-\x7e]+$/.test(realm)) throw optionError('realm', 'must be printable ASCII (it defaults to "issuer")')
  return {
    /** Issues the tokens. */
    issuer,
    /** All issuers that are this application: {@link issuer} and former ones. */
    issuers,
    /** The `aud` of the tokens that are issued. */
    audience: Object.freeze([audience ?? issuer].flat()),
    /** The `aud` values that are accepted. */
    acceptedAudience: Object.freeze([audience ?? issuers].flat()),
    realm
  }
}
