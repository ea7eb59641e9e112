import { assertDefined, assertKnown, undefinedMember } from '../arguments.ts'
import { anyTrusted } from '../options/issuer.ts'
import type { Settings } from '../options/options.ts'
import { show } from '../options/show.ts'
import { readAudience } from './audience.ts'
import { isScopeToken, isWholeSeconds } from './claims.ts'
import type { FreshnessRequirements } from './freshness.ts'

/**
 * What a route requires of its caller. A member that is present but `undefined` is a TypeError: a typo must not admit
 * everyone.
 */
export interface Needs {
  /** Scope tokens (RFC 6749 §3.3), all of which the caller must have. Default: none. */
  readonly scopes?: readonly string[]
  /** Roles, one of which the caller must have in the claim `roles`. Default: none. */
  readonly roles?: readonly string[]
  /**
   * The `iss` values that are accepted: ours, or trusted issuers'. `'trusted'`, alone or in the list, stands for every
   * issuer that `trustedIssuers` lists or finds, but not for our own: name them too if both are accepted. In
   * `config.auth`, one that is neither ours nor in the list `trustedIssuers` stops the start. Default: each entry of
   * `issuer`, and no other.
   */
  readonly issuers?: 'trusted' | readonly string[]
  /**
   * The user must have authenticated at most this many seconds ago (RFC 9470). A whole number, at least 1. Refreshing
   * does not help, only a new sign-in. A token without `auth_time` is refused. Default: any time.
   */
  readonly maxAgeSeconds?: number
  /**
   * Authentication context classes, one of which the user must have authenticated with: the claim `acr` (RFC 9470).
   * Without spaces, because the challenge lists them. Default: any.
   */
  readonly acr?: readonly string[]
  /**
   * Instead of refusing, makes the user `null` if the caller has no credentials, or a cookie whose token has only
   * expired or whose session has ended. A wrong `Authorization` header is still refused. Default `false`.
   */
  readonly optional?: boolean
  /** Does not exist: use the list `scopes`. */
  readonly scope?: never
  /** Does not exist: use the list `roles`. */
  readonly role?: never
  /** Does not exist: use `maxAgeSeconds`. */
  readonly maxAge?: never
}

/** What `app.accessTokens.verify()` requires of a token. A token is always present, so nothing is optional. */
export type TokenNeeds = Omit<Needs, 'optional'> & {
  /** Does not exist here: a token that is passed to `verify()` is never optional. */
  readonly optional?: never
  /**
   * The `aud` that the token must have, one of a list: a token that `sign({ audience })` made for another purpose. The
   * audience of this application does not count then. Default: that audience; of a trusted issuer's token, the audience
   * given in `trustedIssuers`.
   */
  readonly audience?: string | readonly string[]
}

/** {@link Needs} that were checked once, when a route was defined. */
export interface Requirements extends FreshnessRequirements {
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
  readonly issuers: readonly string[] | null
  readonly optional: boolean
}

/** {@link TokenNeeds} that were checked. */
export interface TokenRequirements extends Requirements {
  /** `null`: the configured one. */
  readonly audience: readonly string[] | null
}

const lists = ['scopes', 'roles', 'issuers', 'acr'] as const
type List = (typeof lists)[number]
const routeNeeds = [...lists, 'maxAgeSeconds', 'optional'] as const
const tokenNeeds = [...lists, 'maxAgeSeconds', 'audience'] as const

export const noRequirements: Requirements = Object.freeze({
  scopes: [],
  roles: [],
  issuers: null,
  maxAgeSeconds: null,
  acr: null,
  optional: false
})

export interface RequirementsInput {
  /** What the application wrote: an argument or an option. */
  readonly name?: string
  /** The needs that may be given. */
  readonly members?: readonly string[]
}

/** @throws TypeError that names the member: an unknown or ill-typed need must not be ignored */
export function checkRequirements(
  needs: unknown,
  { name = 'needs', members = routeNeeds }: RequirementsInput = {}
): Requirements {
  if (needs === undefined) throw new TypeError(undefinedMember(name))
  if (needs === true) return noRequirements
  if (typeof needs !== 'object' || needs === null || Array.isArray(needs)) {
    throw new TypeError(`"${name}" must be true or an object such as { scopes: ['notes:read'], roles: ['admin'] }`)
  }
  assertKnown(needs, members)
  assertDefined(needs)
  // Not copied: a copy would lack the members that a prototype has, and would let every user in.
  const given = needs as Partial<Record<keyof Requirements, unknown>>
  const { optional = false, maxAgeSeconds = null } = given
  if (typeof optional !== 'boolean') throw new TypeError('"optional" must be true or false')
  for (const list of lists) checkList(list, given[list])
  if (given.maxAgeSeconds !== undefined && !(isWholeSeconds(maxAgeSeconds) && maxAgeSeconds >= 1)) {
    throw new TypeError('"maxAgeSeconds" must be a whole number of seconds, at least 1')
  }
  const { scopes = [], roles = [], issuers = null, acr = null } = given as Partial<Requirements>
  return Object.freeze({
    scopes: [...scopes],
    roles: [...roles],
    // 'trusted' alone is a list of one.
    issuers: issuers && [issuers].flat(),
    maxAgeSeconds: maxAgeSeconds as number | null,
    acr: acr && [...acr],
    optional
  })
}

/**
 * The requirements of a call whose argument can be left out. `authenticate()` differs from `authenticate(undefined)`.
 * @throws TypeError as {@link checkRequirements}
 */
export function readRequirements(given: readonly unknown[]): Requirements {
  return given.length === 0 ? noRequirements : checkRequirements(given[0])
}

/** @throws TypeError as {@link checkRequirements}, and for `optional` */
export function readTokenRequirements(given: readonly unknown[]): TokenRequirements {
  if (given.length === 0) return { ...noRequirements, audience: null }
  const requirements = checkRequirements(given[0], { members: tokenNeeds })
  const needs = Object(given[0]) as { readonly audience?: unknown }
  return { ...requirements, audience: 'audience' in needs ? readAudience(needs.audience) : null }
}

const isNonEmpty = (entry: unknown): entry is string => typeof entry === 'string' && entry !== ''

/** A challenge lists scopes and acr values, separated by spaces. */
const entries: Record<List, { readonly are: string; readonly isOne: (entry: unknown) => entry is string }> = {
  scopes: { are: 'scope tokens (RFC 6749 §3.3)', isOne: isScopeToken },
  roles: { are: 'non-empty strings', isOne: isNonEmpty },
  issuers: { are: 'non-empty strings', isOne: isNonEmpty },
  acr: { are: 'strings of printable ASCII without space, quotation mark and backslash', isOne: isScopeToken }
}

function checkList(name: List, list: unknown): void {
  if (list === undefined || (name === 'issuers' && list === anyTrusted)) return
  const { are, isOne } = entries[name]
  if (!Array.isArray(list) || list.length === 0 || !list.every(isOne)) {
    const alternative = name === 'issuers' ? `"${anyTrusted}" or ` : ''
    throw new TypeError(`"${name}" must be ${alternative}a non-empty list of ${are}`)
  }
}

/** Whether tokens of a trusted issuer are accepted: it is named, or any is accepted. */
export function acceptsTrusted(issuers: Requirements['issuers'], iss: string): boolean {
  return issuers !== null && (issuers.includes(iss) || issuers.includes(anyTrusted))
}

/** The issuers of the options. */
export type KnownIssuers = Pick<Settings, 'issuers' | 'trustedIssuers' | 'findTrustedIssuer'>

/**
 * Refuses an issuer whose tokens are never accepted: a typo would lock its users out. With a function as
 * `trustedIssuers`, every issuer can be known.
 * @returns the requirements
 * @throws TypeError that names the issuer
 */
export function assertKnownIssuers(
  requirements: Requirements,
  { issuers, trustedIssuers, findTrustedIssuer }: KnownIssuers
): Requirements {
  const known = [anyTrusted, ...issuers, ...trustedIssuers.map(({ issuer }) => issuer)]
  const unknown = requirements.issuers?.find((issuer) => !known.includes(issuer))
  if (unknown === undefined || findTrustedIssuer !== null) return requirements
  throw new TypeError(
    `"issuers" must name entries of "issuer" and of "trustedIssuers", or "${anyTrusted}": received ${show(unknown)}`
  )
}
