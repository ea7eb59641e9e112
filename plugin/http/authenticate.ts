import type { FastifyRequest } from 'fastify'
import { AuthError, refusal } from '../errors.ts'
import type { Emit } from '../events.ts'
import type { Revocations } from '../sessions/revocations.ts'
import type { AccessToken } from '../tokens/access-token.ts'
import type { AccessTokens } from '../tokens/access-tokens.ts'
import type { RequirementCheck } from '../tokens/requirement-check.ts'
import type { Requirements } from '../tokens/requirements.ts'
import type { User } from '../tokens/user.ts'
import type { Auth } from './auth.ts'
import type { Challenge } from './challenge.ts'
import type { CookieAuthentication } from './cookie-authentication.ts'
import { assertWellFormed, isPresented, problemOf, readCredentials, type Credentials } from './credentials.ts'
import type { CrossSite } from './cross-site.ts'
import type { ProtectedResources } from './protected-resources.ts'
import { emitRefusal } from './refusal-event.ts'
import { markPrivate } from './response-state.ts'

export interface AuthenticatorParts {
  /** The name of the access cookie; `null` to read the header alone. */
  readonly accessCookie: string | null
  readonly accessTokens: Pick<AccessTokens, 'fromCache' | 'parse' | 'verifyNow' | 'verifyUncached'>
  readonly revocations: Pick<Revocations, 'isValid' | 'assertNotRevoked'>
  readonly crossSite: Pick<CrossSite, 'allowsCookie'>
  readonly byCookie: CookieAuthentication
  readonly requirementCheck: RequirementCheck
  readonly resources: Pick<ProtectedResources, 'admits'>
  readonly challenge: Challenge
  readonly emit: Emit
}

/**
 * Authenticates a request and sets `request.user` and `request.auth`. `null` means done, and an error is the refusal:
 * most callers present a token that can be checked without waiting, and a promise would cost more than the look-up in
 * the cache. For any other caller, returns a promise of the user, or of `null` if the requirements are optional; the
 * promise rejects with the refusal.
 */
export type Authenticate = (request: FastifyRequest, requirements: Requirements) => Outcome

export type Outcome = Promise<User | null> | AuthError | null

export function createAuthenticate(parts: AuthenticatorParts): Authenticate {
  const { accessCookie, accessTokens, revocations, crossSite, byCookie, resources, challenge, emit } = parts
  const { satisfies, assertSatisfies } = parts.requirementCheck

  return function authenticate(request, requirements) {
    const credentials = readCredentials(request.raw, accessCookie)
    try {
      const verified = verifyNow(credentials, requirements)
      if (verified instanceof AuthError) return refuse(verified, { request, credentials, requirements })
      if (
        verified !== null &&
        revocations.isValid(verified) &&
        satisfies(verified, requirements) &&
        resources.admits(request, verified) &&
        (credentials.kind === 'header' || crossSite.allowsCookie(request))
      ) {
        setUser(request, authOf(credentials, verified))
        return null
      }
      clearUser(request)
      return authenticateFully(request, { credentials, verified, requirements })
    } catch (error) {
      return refuse(error, { request, credentials, requirements })
    }
  }

  /** The refusal. Everything else that was thrown rejects: Fastify takes a falsy value for success if it is thrown. */
  function refuse(error: unknown, attempt: Refused): AuthError | Promise<never> {
    clearUser(attempt.request)
    // Not before: a token that is accepted is base64url, and so well-formed.
    const problem = problemOf(attempt.credentials) ?? error
    return problem instanceof AuthError ? refused(problem, attempt) : rejection(problem)
  }

  /**
   * The token, if it was verified before, or can be verified without waiting. It may be revoked. Otherwise its refusal,
   * or `null`.
   */
  function verifyNow(credentials: Credentials, { issuers }: Requirements): AccessToken | AuthError | null {
    if (!isPresented(credentials)) return null
    const { kind, token } = credentials
    const cached = accessTokens.fromCache(token, issuers)
    // Not a cookie: another application on the host may have set it, and more must be read before it is refused.
    if (cached !== null || kind === 'cookie') return cached
    return accessTokens.verifyNow(accessTokens.parse(token))
  }

  /** Repeats no step above, except for tokens that need a look-up. What it adds is the reason for a refusal. */
  async function authenticateFully(request: FastifyRequest, attempt: Attempt): Promise<User | null> {
    const { credentials, verified: known, requirements } = attempt
    try {
      assertWellFormed(credentials)
      if (credentials.kind !== 'header') {
        const verified = await byCookie(request, { values: valuesOf(credentials), cached: known, requirements })
        return verified && accept(request, { credentials, verified, requirements })
      }
      const { token } = credentials
      const verified = known ?? (await accessTokens.verifyUncached(accessTokens.parse(token), requirements.issuers))
      await revocations.assertNotRevoked(verified)
      return accept(request, { credentials, verified, requirements })
    } catch (error) {
      throw refused(error, { request, credentials, requirements })
    }
  }

  /** Reports a refusal, and adds its challenge. Returns every other error unchanged. */
  function refused<E>(error: E, { request, credentials, requirements }: Refused): E {
    emitRefusal(error, { emit, source: sourceOf(credentials) })
    return challenge(error, { request, requirements })
  }

  /** @param attempt.verified is valid and not revoked */
  function accept(request: FastifyRequest, attempt: Verified): User {
    const { credentials, verified, requirements } = attempt
    if (!resources.admits(request, verified)) throw refusal('AUTH_INVALID_TOKEN', 'the token is for another resource')
    assertSatisfies(verified, requirements)
    return setUser(request, authOf(credentials, verified))
  }
}

interface Attempt {
  readonly credentials: Credentials
  /** The token, if it is verified. It may have been revoked since, or lack what is required here. */
  readonly verified: AccessToken | null
  readonly requirements: Requirements
}

interface Verified extends Attempt {
  readonly verified: AccessToken
}

interface Refused extends Omit<Attempt, 'verified'> {
  readonly request: FastifyRequest
}

/** The values of the access cookie. */
function valuesOf(credentials: Exclude<Credentials, { kind: 'foreign' | 'malformed' }>): readonly string[] {
  if (credentials.kind === 'several') return credentials.tokens
  return credentials.kind === 'none' ? [] : [credentials.token]
}

/** An async function, because only its promise is certain to be a native one: an application may replace `Promise`. */
async function rejection(error: unknown): Promise<never> {
  throw error
}

interface Slots {
  user: User | null
  auth: Auth | null
}

function clearUser(request: FastifyRequest): void {
  const slots = request as unknown as Slots
  // The response may be about this user nevertheless.
  if (slots.auth) markPrivate(request)
  slots.user = null
  slots.auth = null
}

function setUser(request: FastifyRequest, auth: Auth): User {
  const slots = request as unknown as Slots
  slots.auth = auth
  slots.user = auth.user
  return auth.user
}

function authOf(credentials: Credentials, verified: AccessToken): Auth {
  const { sessionId, authenticatedAt, scopes, roles } = verified
  const claims = verified.claims as User
  const user = verified.user as User
  const source = sourceOf(credentials) ?? 'cookie'
  return { source, sessionId, issuer: claims.iss, claims, user, authenticatedAt, scopes, roles }
}

function sourceOf(credentials: Credentials): Auth['source'] | null {
  if (credentials.kind === 'malformed') return 'header'
  if (credentials.kind === 'several') return 'cookie'
  return isPresented(credentials) ? credentials.kind : null
}
