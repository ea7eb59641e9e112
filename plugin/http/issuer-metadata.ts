import type { FastifyInstance } from 'fastify'
import { optionError } from '../options/option-error.ts'
import type { KeySource } from '../tokens/key-source.ts'
import { serveOpenDocument } from './open-document.ts'

export interface IssuerMetadataParts {
  readonly issuer: string
  readonly keys: Pick<KeySource, 'hasPublicKeys'>
  /** The path of the public keys, below the prefix of the plugin's context. */
  readonly jwksPath: string
  readonly openidConfiguration: boolean
}

/**
 * Serves the metadata of this application as an issuer of tokens (RFC 8414 §3). It has no endpoint of OAuth: other
 * services find its keys there, and nothing else.
 * @throws TypeError if there is nothing to find
 */
export function serveIssuerMetadata(
  app: FastifyInstance,
  { issuer, keys, jwksPath, openidConfiguration }: IssuerMetadataParts
): void {
  if (!keys.hasPublicKeys()) throw optionError('metadata', 'requires public keys: "keys" has no asymmetric key')
  const { origin, pathname } = new URL(issuer)
  const path = decodeURI(pathname).replace(/\/$/, '')
  const content = {
    issuer,
    jwks_uri: new URL(`${origin}${app.prefix}${jwksPath}`).href,
    response_types_supported: [],
    grant_types_supported: []
  }
  serveOpenDocument(app, { path: `/.well-known/oauth-authorization-server${path}`, content })
  // OpenID Connect Discovery 1.0 §4 appends the name, and does not insert it.
  if (openidConfiguration) serveOpenDocument(app, { path: `${path}/.well-known/openid-configuration`, content })
}
