import type { SignInInput } from '../sessions/sign-in-input.ts'
import type { AppClaims } from '../options/claims.ts'
import type { ClaimsInput } from '../tokens/user.ts'

/** A Fastify application, or a context of one, with any logger and type provider. */
export interface TestedApp {
  /** Any Fastify application has it. */
  readonly server: object
  /** The kit calls it, so that an application need not be ready before a user is signed in. */
  ready(): PromiseLike<unknown>
}

/** The members that mean the same as in `reply.signIn()`, and where to sign in. */
export interface SessionTerms extends Pick<
  SignInInput,
  'scope' | 'device' | 'authTime' | 'acr' | 'amr' | 'idleSeconds' | 'absoluteSeconds'
> {
  /**
   * The application to sign in at, or a context of it. It is made ready. Default: the one that was registered last.
   */
  readonly app?: TestedApp | undefined
  /** The `issuer` of the registration to sign in at, if an application has several. Default: any. */
  readonly issuer?: string | undefined
}

/** Who is calling, and how. */
export interface RequestTerms extends SessionTerms {
  /** Where the tokens are: in the `Authorization` header, or in the application's two cookies. Default `bearer`. */
  readonly transport?: 'bearer' | 'cookie' | undefined
  /**
   * Adds what a browser sends for a page of another site: `Origin`, and `Sec-Fetch-Site: cross-site`. A string is the
   * origin of that page. Default `false`: with cookies, the request comes from a page of the application itself.
   */
  readonly crossSite?: boolean | string | undefined
}

/** A browser that is signed in. */
export interface BrowserTerms extends SessionTerms {
  /** Where the browser finds the application, such as `http://localhost:3000`. Required. */
  readonly url: string | URL
  /** Whether the browser keeps the cookies after it was closed. Default `true`. Must not be `undefined`. */
  readonly persistent?: boolean
}

/** Whether every member may be left out. */
type MayBeEmpty<Type> = Readonly<Record<never, never>> extends Type ? true : false
/** The application's own claims without `roles`. */
type OtherClaims = Readonly<Omit<AppClaims, 'roles'>>

/** The member `claims` of terms that have `roles` beside it. */
type OtherClaimsTerm =
  MayBeEmpty<OtherClaims> extends true
    ? { readonly claims?: OtherClaims | undefined }
    : { readonly claims: OtherClaims }

/** `roles` as a member of its own, if the application declared that claim. */
type RolesTerm<Claims> = 'roles' extends keyof Claims
  ? OtherClaimsTerm & { readonly roles: Readonly<Claims['roles']> }
  : never

/**
 * The application's own claims: `claims`, as in `reply.signIn()`. The claim `roles` may be a member of its own instead.
 * Both are compared with `AuthTypes`.
 */
export type ClaimsTerms = string extends keyof AppClaims
  ? ClaimsInput & { readonly roles?: readonly string[] | undefined }
  : (ClaimsInput & { readonly roles?: undefined }) | RolesTerm<AppClaims>

/** Who is signed in by `auth.as()` and `auth.signIn()`, and how: everything but `sub`. */
export type SignInTerms = RequestTerms & ClaimsTerms

/** The terms may be left out, unless every user of the application has claims. */
export type SignInArguments = MayBeEmpty<SignInTerms> extends true ? [terms?: SignInTerms] : [terms: SignInTerms]

/**
 * Whose spoilt token it is: what `auth.spoiltToken()` takes. Claims are optional here, because most spoilt tokens are
 * refused before their claims are read.
 */
export interface SpoiltTerms extends SessionTerms {
  /** The claim `sub`. Default `mallory`, so that the sessions of other users are left alone. */
  readonly sub?: string | undefined
  /** Short for the claim `roles`. Default: none. */
  readonly roles?: readonly string[] | undefined
  /**
   * The application's own claims. Default: none, so an application with `accessToken.claims` must be given those that
   * its schema requires: its tokens are checked before they are signed.
   */
  readonly claims?: Readonly<AppClaims> | undefined
}
