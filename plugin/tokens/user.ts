import type { AppClaims } from '../options/claims.ts'
import type { StandardClaims } from './claims.ts'

/**
 * The member `claims` of what starts a session or signs a token: required if the application declared required claims.
 */
export type ClaimsInput =
  Readonly<Record<never, never>> extends AppClaims
    ? {
        /**
         * The application's own claims, put into every access token. JSON, at most 8 KiB with the rest of the token.
         * Default: none.
         */
        readonly claims?: Readonly<AppClaims> | undefined
      }
    : {
        /**
         * The application's own claims, put into every access token. JSON, at most 8 KiB with the rest of the token.
         * Required.
         */
        readonly claims: Readonly<AppClaims>
      }

/** The members `audience` and `claims` of what signs a token: claims are optional if it is for another purpose. */
export type PurposeInput =
  | (ClaimsInput & {
      /** Absent: the audience of this application. */
      readonly audience?: never
    })
  | {
      /**
       * The `aud` claim, a string or a list: a purpose, or another service that verifies with our keys. Must not
       * contain an audience of this application, because `authenticate()` would accept the token. Default: the
       * audience of this application. Must not be `undefined`.
       */
      readonly audience: string | readonly string[]
      /**
       * The application's own claims, of which none is required here. With the option `accessToken.claims`, they must
       * match it. Default: none.
       */
      readonly claims?: Readonly<Partial<AppClaims>> | undefined
    }

/** The verified claims of a token for another purpose: like {@link User}, but it may lack the application's claims. */
export type PurposeClaims = Readonly<StandardClaims> & Readonly<Partial<AppClaims>>

/**
 * The verified claims of the caller, deep-frozen. In a token of a trusted issuer, `scope` and `roles` are what
 * `trustedIssuers[].map` returned, or absent. `sub` is unique only within its `iss`.
 */
export type User = Readonly<StandardClaims> & Readonly<AppClaims>
