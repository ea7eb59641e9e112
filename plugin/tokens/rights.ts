import { assertReturned } from '../arguments.ts'
import { refusal } from '../errors.ts'
import type { TrustedIssuerSettings } from '../options/trusted-issuers.ts'
import { isRoles, scopesOf } from './claims.ts'
import { kindOfThrown } from './thrown.ts'

/** What an external issuer's token grants here. */
export interface Rights {
  readonly scope?: string
  readonly roles?: readonly string[]
}

/**
 * What the application's `map` grants for verified claims. Ill-typed members count as absent: they come from the token.
 * @throws TypeError when `map` returns anything else than rights or nothing: above all, it cannot set a session
 * @throws AuthError AUTH_INVALID_TOKEN when `map` throws: a claim that it relies on is missing from the token
 */
export function mapRights(
  claims: Readonly<Record<string, unknown>>,
  { map }: Pick<TrustedIssuerSettings, 'map'>
): Rights {
  const mapped = callMap(claims, map) ?? {}
  // Refused below; its rejection must not end the process.
  if (mapped instanceof Promise) mapped.catch(() => {})
  assertReturned(mapped, { by: 'map', members: ['scope', 'roles'] })
  const { scope, roles } = mapped as { scope?: unknown; roles?: unknown }
  return copyRights({ scope, roles })
}

function callMap(claims: Readonly<Record<string, unknown>>, map: TrustedIssuerSettings['map']): unknown {
  try {
    return map(claims)
  } catch (error) {
    throw refusal('AUTH_INVALID_TOKEN', `"map" threw ${kindOfThrown(error)}`, { cause: error })
  }
}

/** Copied, because the application may change later what it returned. */
function copyRights({ scope, roles }: { scope: unknown; roles: unknown }): Rights {
  const scopes = scopesOf(scope)
  return {
    ...(scopes.length > 0 && { scope: scopes.join(' ') }),
    ...(isRoles(roles) && { roles: Object.freeze([...roles]) })
  }
}
