import { inspect } from 'node:util'
import { assertKnown } from '../arguments.ts'
import type { Registration } from '../http/test-kit.ts'
import type { SignInInput } from '../sessions/sign-in-input.ts'
import type { TokenSet } from '../sessions/token-issuer.ts'
import { isRoles } from '../tokens/claims.ts'
import type { BrowserTerms, RequestTerms } from './terms.ts'

/** The terms as they are read: TypeScript has compared the claims with those that the application declared. */
export interface ReadTerms extends RequestTerms, Partial<Pick<BrowserTerms, 'persistent'>> {
  readonly roles?: unknown
  readonly claims?: Readonly<Record<string, unknown>> | undefined
}

export const noCookies = 'The application uses no cookies: its option "cookies" is false'

const ofSignIn = ['scope', 'device', 'authTime', 'acr', 'amr', 'idleSeconds', 'absoluteSeconds', 'persistent'] as const
const ofEveryTerms = ['app', 'issuer', 'roles', 'claims', ...ofSignIn.filter((name) => name !== 'persistent')]

/**
 * @param others the names that these terms have besides those of all
 * @throws TypeError that names a wrong member
 */
export function checkTerms(terms: ReadTerms, others: readonly string[]): void {
  assertKnown(terms, [...ofEveryTerms, ...others])
  const { roles, claims, transport = 'bearer', crossSite = false } = terms
  if (roles !== undefined && !isRoles(roles)) {
    throw new TypeError(
      `"roles" must be a list of strings, such as ["admin"]: received ${inspect(roles, { depth: 1 })}`
    )
  }
  if (roles !== undefined && claims?.roles !== undefined) {
    throw new TypeError('"roles" must not be given twice: "claims" has it too')
  }
  if (transport !== 'bearer' && transport !== 'cookie') throw new TypeError('"transport" must be "bearer" or "cookie"')
  if (typeof crossSite !== 'boolean' && !isOrigin(crossSite)) {
    throw new TypeError('"crossSite" must be true, false or an origin such as "https://another-site.example"')
  }
}

function isOrigin(text: unknown): boolean {
  return typeof text === 'string' && (text === 'null' || (URL.canParse(text) && new URL(text).origin === text))
}

/**
 * Starts a session, as `reply.signIn()` does.
 * @throws whatever `reply.signIn()` throws
 */
export async function signIn(
  { startSession, sessionCookies }: Pick<Registration, 'startSession' | 'sessionCookies'>,
  { sub, terms }: { readonly sub: string; readonly terms: ReadTerms }
): Promise<TokenSet> {
  const { transport = 'bearer' } = terms
  const input = inputOf(sub, terms)
  if (transport === 'bearer') return await startSession(input, { revoke: [], assertFits: () => {}, transport })
  if (sessionCookies === null) throw new TypeError(noCookies)
  const { assertFits } = sessionCookies
  return await startSession(input, { revoke: [], assertFits, transport })
}

/** A member that is present but `undefined` stays present: `startSession()` refuses those that restrict. */
function inputOf(sub: string, terms: ReadTerms): SignInInput {
  const { roles, claims } = terms
  const given = ofSignIn.filter((name) => name in terms).map((name) => [name, terms[name]])
  return { ...Object.fromEntries(given), sub, claims: { ...claims, ...(roles !== undefined && { roles }) } }
}
