import type { FastifyRequest } from 'fastify'
import { refusal } from '../errors.ts'
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
import { assertWellFormed, isPresented, readCredentials, type Credentials } from './credentials.ts'
import type { CrossSite } from './cross-site.ts'
import type { ProtectedResources } from './protected-resources.ts'
import { emitRefusal } from './refusal-event.ts'

export interface AuthenticatorParts {
  /** The name of the access cookie; `null` to read the header alone. */
  readonly accessCookie: string | null
  readonly accessTokens: Pick<AccessTokens, 'fromCache' | 'parse' | 'verifyUncached'>
  readonly revocations: Pick<Revocations, 'isValid' | 'assertNotRevoked'>
  readonly crossSite: Pick<CrossSite, 'allowsCookie'>
  readonly byCookie: CookieAuthentication
  readonly requirementCheck: RequirementCheck
  readonly resources: Pick<ProtectedResources, 'admits'>
  readonly challenge: Challenge
  readonly emit: Emit
}

/**
 * Authenticates a request and sets `request.user` and `request.auth`. `null` means done: most callers present a token
 * that is in the cache, and a promise would cost more than its check. For any other caller, returns a promise of the
 * user, or of `null` if the requirements are optional; the promise rejects with the refusal.
 */
export type Authenticate = (request: FastifyRequest, requirements: Requirements) => Promise<User | null> | null

export function createAuthenticate(parts: AuthenticatorParts): Authenticate {
  const { accessCookie, accessTokens, revocations, crossSite, byCookie, resources, challenge, emit } = parts
  const { satisfies, assertSatisfies } = parts.requirementCheck

  return function authenticate(request, requirements) {
    let credentials: Credentials
    let cached: AccessToken | null = null
    try {
      credentials = readCredentials(request.raw, accessCookie)
      if (isPresented(credentials)) {
        cached = accessTokens.fromCache(credentials.token, requirements.issuers)
        if (
          cached !== null &&
          revocations.isValid(cached) &&
          satisfies(cached, requirements) &&
          resources.admits(request, cached) &&
          (credentials.kind === 'header' || crossSite.allowsCookie(request))
        ) {
          setUser(request, authOf(credentials, cached))
          return null
        }
      }
    } catch (error) {
      clearUser(request)
      return rejection(error)
    }
    clearUser(request)
    return authenticateFully(request, { credentials, cached, requirements })
  }

  /** Repeats no step above. What it adds is the signature check, and the reason for a refusal. */
  async function authenticateFully(request: FastifyRequest, attempt: Attempt): Promise<User | null> {
    const { credentials, cached, requirements } = attempt
    try {
      assertWellFormed(credentials)
      if (credentials.kind !== 'header') {
        const verified = await byCookie(request, { values: valuesOf(credentials), cached, requirements })
        return verified && accept(request, { credentials, verified, requirements })
      }
      // In this function, because each further promise makes refusals slower.
      const { token } = credentials
      const verified = cached ?? (await accessTokens.verifyUncached(accessTokens.parse(token), requirements.issuers))
      await revocations.assertNotRevoked(verified)
      return accept(request, { credentials, verified, requirements })
    } catch (error) {
      emitRefusal(error, { emit, source: sourceOf(credentials) })
      throw challenge(error, { request, requirements })
    }
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
  /** The token if it was verified before. It may have been revoked since, or lack what is required here. */
  readonly cached: AccessToken | null
  readonly requirements: Requirements
}

interface Verified extends Omit<Attempt, 'cached'> {
  readonly verified: AccessToken
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
