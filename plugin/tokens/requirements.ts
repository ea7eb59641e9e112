import { assertDefined, assertKnown, undefinedMember } from '../arguments.ts'
import { refusal } from '../errors.ts'
import type { AccessToken } from './access-token.ts'
import { readAudience } from './audience.ts'
import { isScopeToken } from './claims.ts'

/**
 * What a route requires of its caller. A member that is present but `undefined` is a TypeError: a typo must not admit
 * everyone.
 */
export interface Needs {
  /** Scope tokens (RFC 6749 §3.3), all of which the caller must have. Default: none. */
  readonly scopes?: readonly string[]
  /** Roles, one of which the caller must have in the claim `roles`. Default: none. */
  readonly roles?: readonly string[]
  /** The `iss` values that are accepted: ours, or trusted issuers'. Default: each entry of `issuer`, and no other. */
  readonly issuers?: readonly string[]
  /**
   * Instead of refusing, makes the user `null` if the caller has no credentials, or a cookie whose token has only
   * expired or whose session has ended. A wrong `Authorization` header is still refused. Default `false`.
   */
  readonly optional?: boolean
  /** Does not exist: use the list `scopes`. */
  readonly scope?: never
  /** Does not exist: use the list `roles`. */
  readonly role?: never
}

/** What `app.accessTokens.verify()` requires of a token. A token is always present, so nothing is optional. */
export type TokenNeeds = Omit<Needs, 'optional'> & {
  readonly optional?: never
  /**
   * The `aud` that the token must have, one of a list: a token that `sign({ audience })` made for another purpose. The
   * audience of this application does not count then. Default: that audience; of a trusted issuer's token, the audience
   * given in `trustedIssuers`.
   */
  readonly audience?: string | readonly string[]
}

/** {@link Needs} that were checked once, when a route was defined. */
export interface Requirements {
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

const lists = ['scopes', 'roles', 'issuers'] as const
type List = (typeof lists)[number]
const tokenNeeds = [...lists, 'audience'] as const

export const noRequirements: Requirements = Object.freeze({ scopes: [], roles: [], issuers: null, optional: false })

export interface RequirementsInput {
  /** What the application wrote: an argument or an option. */
  readonly name?: string
  /** The needs that may be given. */
  readonly members?: readonly string[]
}

/** @throws TypeError that names the member: an unknown or ill-typed need must not be ignored */
export function checkRequirements(
  needs: unknown,
  { name = 'needs', members = [...lists, 'optional'] }: RequirementsInput = {}
): Requirements {
  if (needs === undefined) throw new TypeError(undefinedMember(name))
  if (needs === true) return noRequirements
  if (typeof needs !== 'object' || needs === null || Array.isArray(needs)) {
    throw new TypeError(`"${name}" must be true or an object such as { scopes: ['notes:read'], roles: ['admin'] }`)
  }
  assertKnown(needs, members)
  assertDefined(needs)
  // Not copied: a copy would lack the members that a prototype has, and would let every user in.
  const given = needs as Partial<Record<List | 'optional', unknown>>
  const { optional = false } = given
  if (typeof optional !== 'boolean') throw new TypeError('"optional" must be true or false')
  for (const list of lists) checkList(list, given[list])
  const { scopes = [], roles = [], issuers = null } = given as Partial<Requirements>
  return Object.freeze({ scopes: [...scopes], roles: [...roles], issuers: issuers && [...issuers], optional })
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
  if ('optional' in needs) assertKnown({ optional: true }, tokenNeeds)
  return { ...requirements, audience: 'audience' in needs ? readAudience(needs.audience) : null }
}

function checkList(name: List, list: unknown): void {
  if (list === undefined) return
  const isEntry = name === 'scopes' ? isScopeToken : (entry: unknown) => typeof entry === 'string' && entry !== ''
  if (!Array.isArray(list) || list.length === 0 || !list.every(isEntry)) {
    const entries = name === 'scopes' ? 'scope tokens (RFC 6749 §3.3)' : 'non-empty strings'
    throw new TypeError(`"${name}" must be a non-empty list of ${entries}`)
  }
}

/** Whether a token satisfies requirements. Those without `issuers` accept only tokens of this application. */
export function satisfies(token: AccessToken, requirements: Requirements): boolean {
  return hasIssuer(token, requirements) && hasScopes(token, requirements) && hasRole(token, requirements)
}

/**
 * Refuses a token that does not satisfy the requirements, and says what it lacks.
 * @throws AuthError AUTH_INVALID_TOKEN (another issuer), AUTH_INSUFFICIENT_SCOPE, AUTH_INSUFFICIENT_ROLE
 */
export function assertSatisfies(token: AccessToken, requirements: Requirements): void {
  const { scopes, roles } = requirements
  if (!hasIssuer(token, requirements)) {
    throw refusal('AUTH_INVALID_TOKEN', 'tokens of this issuer are not accepted here')
  }
  if (!hasScopes(token, requirements)) {
    throw refusal('AUTH_INSUFFICIENT_SCOPE', `the scopes ${scopes.join(' ')} are required`)
  }
  if (!hasRole(token, requirements)) {
    throw refusal('AUTH_INSUFFICIENT_ROLE', `one of the roles ${roles.join(' ')} is required`)
  }
}

function hasIssuer({ isOwn, claims: { iss } }: AccessToken, { issuers }: Requirements): boolean {
  return issuers === null ? isOwn : issuers.includes(iss)
}

function hasScopes(token: AccessToken, { scopes }: Requirements): boolean {
  return scopes.every((scope) => token.scopes.includes(scope))
}

function hasRole(token: AccessToken, { roles }: Requirements): boolean {
  return roles.length === 0 || roles.some((role) => token.roles.includes(role))
}
