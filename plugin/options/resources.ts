import { optionError } from './option-error.ts'
import { isIssuerUrl, isSafeUrl, normalizePath, routablePath } from './safe-url.ts'
import { listOf, objectOf, scopeToken, text, textOf } from './shape.ts'
import { show } from './show.ts'

/** A resource of this application that clients of authorization servers call: an API, or an MCP server. */
export interface ResourceOption {
  /**
   * The resource identifier (RFC 9728 §1.2): the https URL that clients call, without query and fragment. Routes at its
   * path and below belong to it. It must be one of the accepted audiences: in `audience`, or in
   * `trustedIssuers[].audience`. http is accepted on loopback only. Required.
   */
  readonly url: string
  /** The scopes that clients can ask for (`scopes_supported`). Default: none are listed. */
  readonly scopes?: readonly string[] | undefined
  /**
   * The authorization servers that issue tokens for this resource: their issuer identifiers (RFC 8414 §2), which are
   * https URLs. Default: the trusted issuers that have `url` in their `audience`.
   */
  readonly authorizationServers?: readonly string[] | undefined
  /** A name for people (`resource_name`). Default: none. */
  readonly name?: string | undefined
  /** The URL of a page for developers (`resource_documentation`). Default: none. */
  readonly documentation?: string | undefined
}

export interface ResourcesOptions {
  /**
   * Protected resources that describe themselves to clients (RFC 9728): the plugin serves their metadata, and the
   * challenges of their routes refer to it. Default: none.
   */
  readonly resources?: readonly ResourceOption[] | undefined
}

const texts = (what: string) => listOf(text, { minItems: 1, must: `be a non-empty list of ${what}` })
const scope = textOf({ must: 'be a scope token (RFC 6749 §3.3)', matches: (value) => scopeToken.test(value) })

const resource = objectOf(
  {
    url: text,
    scopes: listOf(scope, { minItems: 1, must: 'be a non-empty list of scopes' }),
    authorizationServers: texts('https URLs'),
    name: text,
    documentation: text
  },
  { required: ['url'] }
)

export const resourcesShape = { resources: listOf(resource, { must: 'be a list' }) }

export type ResourceSettings = ReturnType<typeof resolveResource>

/** The issuers and audiences that are accepted here. */
interface Accepted {
  readonly acceptedAudience: readonly string[]
  readonly trustedIssuers: readonly { readonly issuer: string; readonly audience: string | readonly string[] }[]
  /** With a function, the audiences of trusted issuers are not known at the start. */
  readonly findTrustedIssuer: unknown
}

/** @throws TypeError that names the option */
export function resolveResources({ resources = [] }: ResourcesOptions, accepted: Accepted) {
  const resolved = resources.map((given, index) => resolveResource(given, { name: `resources.${index}`, accepted }))
  for (const [index, { path }] of resolved.entries()) {
    if (resolved.findIndex((other) => normalizePath(other.path) === normalizePath(path)) !== index) {
      throw optionError(
        `resources.${index}.url`,
        `must differ from the other resources in its path: "${path}" is taken`
      )
    }
  }
  return { resources: Object.freeze(resolved) }
}

function resolveResource(given: ResourceOption, { name, accepted }: { name: string; accepted: Accepted }) {
  const { url, scopes = null, name: title = null, documentation = null } = given
  const path = checkUrl(url, `${name}.url`)
  const issuers = accepted.trustedIssuers.filter(({ audience }) => [audience].flat().includes(url))
  const mayBeAccepted = accepted.findTrustedIssuer !== null || accepted.acceptedAudience.includes(url)
  if (issuers.length === 0 && !mayBeAccepted) {
    throw optionError(
      `${name}.url`,
      `must be an accepted audience: add ${show(url)} to "audience" or to "trustedIssuers[].audience"`
    )
  }
  if (documentation !== null && !/^https?:/.test(documentation)) {
    throw optionError(`${name}.documentation`, `must be an https URL: received ${show(documentation)}`)
  }
  const authorizationServers = given.authorizationServers ?? issuers.map(({ issuer }) => issuer)
  checkAuthorizationServers(authorizationServers, `${name}.authorizationServers`)
  return Object.freeze({
    url,
    path,
    scopes,
    authorizationServers: Object.freeze([...authorizationServers]),
    name: title,
    documentation
  })
}

/**
 * The identifier is compared as a string, by clients and in `aud`: only the spelling that URL parsers produce is safe.
 * @returns its path as Fastify sees it: decoded
 */
function checkUrl(url: string, name: string): string {
  if (!isSafeUrl(url) || /[?#*]/.test(url)) {
    throw optionError(
      name,
      `must be an https URL without credentials, query, fragment and "*" (http only on loopback): received ${show(url)}`
    )
  }
  const { href } = new URL(url)
  if (url !== href && `${url}/` !== href) {
    throw optionError(name, `must be written as URL parsers write it, ${show(href)}: received ${show(url)}`)
  }
  const path = routablePath(url)
  if (path === null) {
    throw optionError(name, `must have a path without encoded reserved characters, in UTF-8: received ${show(url)}`)
  }
  return path
}

function checkAuthorizationServers(issuers: readonly string[], name: string): void {
  if (issuers.length === 0) {
    throw optionError(
      name,
      'is missing: "trustedIssuers" lists no issuer that has the URL of the resource in its "audience"'
    )
  }
  const wrong = issuers.find((issuer) => !isIssuerUrl(issuer))
  if (wrong !== undefined) {
    throw optionError(name, `must be https URLs without query and fragment: received ${show(wrong)}`)
  }
}
