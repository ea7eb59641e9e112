import { refusal } from '../errors.ts'
import type { AccessToken } from '../tokens/access-token.ts'
import { isScopeToken } from '../tokens/claims.ts'
import { assertDefined, undefinedMember } from './arguments.ts'

/** What a caller must have. A member that is present and `undefined` is a TypeError: a typo must not admit everyone. */
export interface Needs {
  /** All of these scopes (RFC 6749 §3.3). */
  readonly scopes?: readonly string[]
  /** Any one of these, in the claim `roles`. */
  readonly roles?: readonly string[]
  /** Whose tokens are taken. Default: only our own. */
  readonly issuers?: readonly string[]
  /** A caller who presents nothing, or a cookie that has merely expired or ended, is `null` instead of refused. */
  readonly optional?: boolean
  /** Not an option: the list is `scopes`. */
  readonly scope?: never
  /** Not an option: the list is `roles`. */
  readonly role?: never
}

/** What `app.accessTokens.verify()` asks of a token. There is always a token, so nothing is optional. */
export type TokenNeeds = Omit<Needs, 'optional'> & { readonly optional?: never }

/** Needs that were checked once, when a route was defined. */
export interface Requirements {
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
  readonly issuers: readonly string[] | null
  readonly optional: boolean
}

const lists = ['scopes', 'roles', 'issuers'] as const

export const noRequirements: Requirements = Object.freeze({ scopes: [], roles: [], issuers: null, optional: false })

/** @throws TypeError that names the member: an unknown or ill-typed need must not pass as no need */
export function checkRequirements(needs: unknown): Requirements {
  if (needs === undefined) throw new TypeError(undefinedMember('needs'))
  if (needs === true) return noRequirements
  if (typeof needs !== 'object' || needs === null || Array.isArray(needs)) {
    throw new TypeError("Needs must be true or an object such as { scopes: ['notes:read'], roles: ['admin'] }")
  }
  const given = needs as Record<string, unknown>
  const unknown = Object.keys(given).find((name) => name !== 'optional' && !(lists as readonly string[]).includes(name))
  if (unknown !== undefined) throw new TypeError(`"${unknown}" is not a need: scopes, roles, issuers and optional are`)
  assertDefined(given)
  if (given.optional !== undefined && typeof given.optional !== 'boolean') {
    throw new TypeError('"optional" must be true or false')
  }
  for (const name of lists) checkList(name, given[name])
  const { scopes = [], roles = [], issuers = null, optional = false } = given as Partial<Requirements>
  return Object.freeze({ scopes: [...scopes], roles: [...roles], issuers: issuers && [...issuers], optional })
}

/**
 * The needs of a call whose argument can be left out: `authenticate()` is not `authenticate(undefined)`.
 * @throws TypeError as {@link checkRequirements}
 */
export function readRequirements(given: readonly unknown[]): Requirements {
  return given.length === 0 ? noRequirements : checkRequirements(given[0])
}

/** @throws TypeError as {@link checkRequirements}, and for `optional` */
export function readTokenRequirements(given: readonly unknown[]): Requirements {
  const [needs] = given
  const hasOptional = typeof needs === 'object' && needs !== null && 'optional' in needs
  if (hasOptional) throw new TypeError('"optional" is not a need of verify(): scopes, roles and issuers are')
  return readRequirements(given)
}

function checkList(name: (typeof lists)[number], list: unknown): void {
  if (list === undefined) return
  const fits = name === 'scopes' ? isScopeToken : (entry: unknown) => typeof entry === 'string' && entry !== ''
  if (!Array.isArray(list) || list.length === 0 || !list.every(fits)) {
    throw new TypeError(
      `"${name}" must be a non-empty list of ${name === 'scopes' ? 'scope tokens (RFC 6749 §3.3)' : 'strings'}`
    )
  }
}

export function satisfies(token: AccessToken, needs: Requirements, ownIssuer: string): boolean {
  return isOfIssuer(token, needs, ownIssuer) && hasScopes(token, needs) && hasRole(token, needs)
}

/**
 * Passes what {@link satisfies} the needs, and says of the rest what is missing.
 * @throws AuthError AUTH_INVALID_TOKEN (another issuer), AUTH_INSUFFICIENT_SCOPE, AUTH_INSUFFICIENT_ROLE
 */
export function assertSatisfies(token: AccessToken, needs: Requirements, ownIssuer: string): void {
  if (!isOfIssuer(token, needs, ownIssuer)) {
    throw refusal('AUTH_INVALID_TOKEN', 'the route takes no tokens of this issuer')
  }
  if (!hasScopes(token, needs)) throw refusal('AUTH_INSUFFICIENT_SCOPE', `needs the scopes ${needs.scopes.join(' ')}`)
  if (!hasRole(token, needs)) throw refusal('AUTH_INSUFFICIENT_ROLE', `needs one of the roles ${needs.roles.join(' ')}`)
}

function isOfIssuer({ claims }: AccessToken, { issuers }: Requirements, ownIssuer: string): boolean {
  return issuers === null ? claims.iss === ownIssuer : issuers.includes(claims.iss)
}

function hasScopes(token: AccessToken, { scopes }: Requirements): boolean {
  return scopes.every((scope) => token.scopes.includes(scope))
}

function hasRole(token: AccessToken, { roles }: Requirements): boolean {
  return roles.length === 0 || roles.some((role) => token.roles.includes(role))
}
