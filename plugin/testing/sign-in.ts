import { assertKnown } from '../arguments.ts'
import type { Registration } from '../http/test-kit.ts'
import type { SignInInput } from '../sessions/sign-in-input.ts'
import type { TokenSet } from '../sessions/token-issuer.ts'
import type { SessionTerms } from './terms.ts'

/** The terms as they arrive: TypeScript has compared the claims with those that the application declared. */
export interface ReadTerms extends SessionTerms {
  readonly roles?: unknown
  readonly claims?: Readonly<Record<string, unknown>> | undefined
}

const ofTheSession = [
  'scope',
  'device',
  'authTime',
  'acr',
  'amr',
  'idleSeconds',
  'absoluteSeconds',
  'persistent'
] as const
const ofTheKit = ['roles', 'claims', 'transport', 'crossSite', 'app', 'issuer']

/** @throws TypeError that names an unknown member, or a claim that is given twice */
export function checkTerms(terms: ReadTerms, others: readonly string[] = []): void {
  assertKnown(terms, [...ofTheSession, ...ofTheKit, ...others])
  const { roles, claims = {}, transport = 'bearer', crossSite = false } = terms
  if (roles !== undefined && Object.hasOwn(claims, 'roles')) {
    throw new TypeError('"roles" must not be given twice: it is a member of "claims" too')
  }
  if (transport !== 'bearer' && transport !== 'cookie') throw new TypeError('"transport" must be "bearer" or "cookie"')
  if (typeof crossSite !== 'boolean' && new URL(crossSite).origin !== crossSite) {
    throw new TypeError('"crossSite" must be true, false or an origin such as "https://another-site.example"')
  }
  if (transport === 'bearer' && 'persistent' in terms) throw new TypeError('"persistent" requires transport "cookie"')
}

/**
 * Starts a session as `reply.signIn()` does.
 * @throws what `signIn()` throws
 */
export async function signIn(
  { startSession, sessionCookies }: Registration,
  { sub, terms }: { readonly sub: string; readonly terms: ReadTerms }
): Promise<TokenSet> {
  const { transport = 'bearer' } = terms
  if (transport === 'cookie' && sessionCookies === null) {
    throw new TypeError('transport "cookie" requires the option "cookies"')
  }
  const assertFits = transport === 'cookie' ? sessionCookies!.assertFits : () => {}
  return await startSession(inputOf(sub, terms), { revoke: [], assertFits, transport })
}

/** A member that is present but `undefined` stays present: `startSession()` refuses those that restrict. */
function inputOf(sub: string, terms: ReadTerms): SignInInput {
  const { roles, claims } = terms
  const given = ofTheSession.filter((name) => name in terms).map((name) => [name, terms[name]])
  return { ...Object.fromEntries(given), sub, claims: { ...(roles !== undefined && { roles }), ...claims } }
}
