import { refusal } from '../errors.ts'
import type { AccessToken } from './access-token.ts'
import { createStaleness, type FreshnessParts } from './freshness.ts'
import { acceptsTrusted, type Requirements } from './requirements.ts'

export type RequirementCheck = ReturnType<typeof createRequirementCheck>

/** Compares tokens with requirements. Those without `issuers` accept only tokens of this application. */
export function createRequirementCheck(parts: FreshnessParts) {
  const staleness = createStaleness(parts)

  return {
    satisfies: (token: AccessToken, requirements: Requirements): boolean =>
      hasIssuer(token, requirements) &&
      staleness(token, requirements) === null &&
      hasScopes(token, requirements) &&
      hasRole(token, requirements),

    /**
     * Refuses a token that does not satisfy the requirements, and says what it lacks. A new authentication can change
     * scopes and roles, so it is required first.
     * @throws AuthError AUTH_INVALID_TOKEN (another issuer), AUTH_STALE_AUTHENTICATION, AUTH_INSUFFICIENT_SCOPE,
     * AUTH_INSUFFICIENT_ROLE
     */
    assertSatisfies(token: AccessToken, requirements: Requirements): void {
      const { scopes, roles } = requirements
      if (!hasIssuer(token, requirements)) {
        throw refusal('AUTH_INVALID_TOKEN', 'tokens of this issuer are not accepted here')
      }
      const stale = staleness(token, requirements)
      if (stale !== null) throw refusal('AUTH_STALE_AUTHENTICATION', stale)
      if (!hasScopes(token, requirements)) {
        throw refusal('AUTH_INSUFFICIENT_SCOPE', `the scopes ${scopes.join(' ')} are required`)
      }
      if (!hasRole(token, requirements)) {
        throw refusal('AUTH_INSUFFICIENT_ROLE', `one of the roles ${roles.join(' ')} is required`)
      }
    }
  }
}

function hasIssuer({ isOwn, claims: { iss } }: AccessToken, { issuers }: Requirements): boolean {
  return isOwn ? issuers === null || issuers.includes(iss) : acceptsTrusted(issuers, iss)
}

function hasScopes(token: AccessToken, { scopes }: Requirements): boolean {
  return scopes.every((scope) => token.scopes.includes(scope))
}

function hasRole(token: AccessToken, { roles }: Requirements): boolean {
  return roles.length === 0 || roles.some((role) => token.roles.includes(role))
}
