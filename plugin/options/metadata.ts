import { optionError } from './option-error.ts'
import { isHttpUrl, routablePath } from './safe-url.ts'
import { falseOr, flag, objectOf } from './shape.ts'
import { show } from './show.ts'
import { withDefaults } from './with-defaults.ts'

/** The document that describes this application as an issuer of tokens. */
export interface MetadataOptions {
  /**
   * Serves `/.well-known/oauth-authorization-server` (RFC 8414), from which other services find the public keys: they
   * trust this application by its `issuer` alone. For an `issuer` with a path, the path follows that name (§3).
   * Requires an http or https URL as `issuer`, public keys in `keys`, and the route `jwks`. Default `false`: there is
   * no such route. `{}` turns it on.
   */
  readonly metadata?:
    | false
    | {
        /**
         * Serves the same document as `/.well-known/openid-configuration` behind the issuer, for verifiers that read
         * only that one. Default `false`.
         */
        readonly openidConfiguration?: boolean | undefined
      }
    | undefined
}

export const metadataDefaults = Object.freeze({ openidConfiguration: false })

export const metadataShape = {
  metadata: falseOr(objectOf({ openidConfiguration: flag }))
}

/** @throws TypeError that names the option */
export function resolveMetadata(
  { metadata = false }: MetadataOptions,
  { issuer, jwks }: { issuer: string; jwks: { readonly path: string } | null }
) {
  if (metadata === false) return { metadata: null }
  if (!isHttpIssuer(issuer)) {
    throw optionError(
      'metadata',
      `requires an "issuer" that is an http or https URL without query and fragment: it is ${show(issuer)}`
    )
  }
  if (routablePath(issuer) === null) {
    throw optionError(
      'metadata',
      'requires an "issuer" whose path is UTF-8, without "*" and encoded reserved characters: it is ' + show(issuer)
    )
  }
  if (jwks === null) throw optionError('metadata', 'requires the route of the public keys: "jwks" must not be false')
  return { metadata: Object.freeze({ ...withDefaults(metadata, metadataDefaults), jwksPath: jwks.path }) }
}

function isHttpIssuer(issuer: string): boolean {
  return isHttpUrl(issuer) && !/[?#]/.test(issuer)
}
