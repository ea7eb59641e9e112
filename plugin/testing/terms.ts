import type { SignInInput } from '../sessions/sign-in-input.ts'
import type { AppClaims, ClaimsInput } from '../tokens/user.ts'

/** A Fastify application, or the context of one, of any type. */
export interface TestedApp {
  readonly server: object
  ready(): PromiseLike<unknown>
}

/** In which way a token is spoilt, and the code that refuses it. */
export const spoilt = Object.freeze({
  /** It has expired: `AUTH_EXPIRED_TOKEN`. */
  expired: 'AUTH_EXPIRED_TOKEN',
  /** Another key of the same algorithm and with the same `kid` has signed it: `AUTH_INVALID_TOKEN`. */
  otherKey: 'AUTH_INVALID_TOKEN',
  /** It was issued for another API: `AUTH_INVALID_TOKEN`. */
  otherAudience: 'AUTH_INVALID_TOKEN',
  /** It is not signed, and its `alg` is `none`: `AUTH_INVALID_TOKEN`. */
  none: 'AUTH_INVALID_TOKEN',
  /** Its session was ended: `AUTH_REVOKED_TOKEN`. */
  revoked: 'AUTH_REVOKED_TOKEN'
})

/** `expired`, `otherKey`, `otherAudience`, `none` or `revoked`. */
export type SpoiltKind = keyof typeof spoilt

/** What the session of a test is like. The members of {@link SignInInput} have the same meaning as in `signIn()`. */
export interface SessionTerms extends Pick<
  SignInInput,
  'scope' | 'device' | 'authTime' | 'acr' | 'amr' | 'idleSeconds' | 'absoluteSeconds' | 'persistent'
> {
  /** Where the tokens are: in the `Authorization` header, or in the application's cookies. Default `bearer`. */
  readonly transport?: 'bearer' | 'cookie' | undefined
  /**
   * Adds what a browser sends for a page of another site: `Origin` and `Sec-Fetch-Site: cross-site`. A string is the
   * origin of that page. Default `false`: with cookies, a page of the application's own.
   */
  readonly crossSite?: boolean | string | undefined
  /** The application to sign in at. Default: the one that was registered last. */
  readonly app?: TestedApp | undefined
  /** The `issuer` of the registration to sign in at, if an application has several. Default: any. */
  readonly issuer?: string | undefined
}

/** `roles` is short for the claim of that name. */
type Declared = Omit<AppClaims, 'roles'>
type WithRoles<Claims> = 'roles' extends keyof Claims
  ? { readonly roles: Readonly<Claims['roles']> } & (Readonly<Record<never, never>> extends Declared
      ? { readonly claims?: Readonly<Declared> | undefined }
      : { readonly claims: Readonly<Declared> })
  : never

/** The application's own claims, by `claims`, and the claim `roles` also by itself. */
export type ClaimsTerms = string extends keyof AppClaims
  ? ClaimsInput & { readonly roles?: readonly string[] | undefined }
  : (ClaimsInput & { readonly roles?: undefined }) | WithRoles<AppClaims>

export type SignInTerms = SessionTerms & ClaimsTerms

/** The terms may be left out, unless the application declared claims that every token has. */
export type SignInArguments =
  Readonly<Record<never, never>> extends SignInTerms ? [terms?: SignInTerms] : [terms: SignInTerms]

/** Also of an application with required claims, because most spoilt tokens are refused before their claims are read. */
export type SpoiltTerms = Omit<SessionTerms, 'transport' | 'crossSite'> & {
  /** Default `alice`. */
  readonly sub?: string | undefined
  readonly roles?: readonly string[] | undefined
  readonly claims?: Partial<AppClaims> | undefined
}
