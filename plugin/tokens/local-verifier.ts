import { TypeCompiler } from '@sinclair/typebox/compiler'
import { refusal } from '../errors.ts'
import type { Settings } from '../options/options.ts'
import { checkClaims, isWholeSeconds, type StandardClaims } from './claims.ts'
import { assertStrict } from './jws.ts'
import { checkHeader, createHeaders, mediaTypes, type ReadHeader } from './header.ts'
import type { KeySource } from './key-source.ts'
import type { UnverifiedToken } from './unverified-token.ts'

export type TokenClaims = Readonly<Record<string, unknown>> & StandardClaims

/** A token and its header. Nothing in it has been verified yet. */
export interface ParsedToken {
  readonly token: UnverifiedToken
  readonly read: ReadHeader
}

/** Checks tokens that this server, or another one with its keys, has signed. */
export function createLocalVerifier(settings: Settings, keys: Pick<KeySource, 'current'>) {
  const {
    issuer,
    audience,
    accessToken: { type, clockToleranceSeconds, maxLifetimeSeconds, claims: schema }
  } = settings
  const policy = { issuer, audience, clockToleranceSeconds, maxLifetimeSeconds, fractions: false }
  const validator = schema ? TypeCompiler.Compile(schema) : null
  const types = mediaTypes(type)
  const headers = createHeaders()

  const candidatesOf = ({
    read: {
      hint: { alg, kid }
    }
  }: ParsedToken) => keys.current().candidates(alg, kid)

  /** The claims that a good signature stands under. They come parsed from the library that checked it: once is enough. */
  function signedClaims(parsed: ParsedToken, mediaTypes: ReadonlySet<string> | null): Record<string, unknown> {
    const { token, read } = parsed
    const candidates = candidatesOf(parsed)
    if (candidates.length === 0) throw refusal('AUTH_INVALID_TOKEN', 'no key fits alg and kid')
    if (!read.isKnown) checkHeader(read.header, mediaTypes)
    for (const jwt of candidates) {
      const claims = jwt.verify(token.text)
      if (claims === null) continue
      assertStrict(token.split())
      return claims
    }
    // The library refuses malformed tokens as well: only a well-formed one has a wrong signature.
    token.decode()
    throw refusal('AUTH_INVALID_TOKEN', 'the signature is wrong')
  }

  return {
    /** Whether claims are as the application's schema says. */
    matchesSchema: (claims: Readonly<Record<string, unknown>>): boolean =>
      validator === null || validator.Check(claims),

    /** @throws AuthError AUTH_INVALID_TOKEN for what is no token, or has a header that none of ours has */
    parse: (token: UnverifiedToken): ParsedToken => ({ token, read: headers.read(token) }),

    /** Whether the header names a key that is in force. */
    hasKey: (parsed: ParsedToken): boolean => candidatesOf(parsed).length > 0,

    /** @throws AuthError AUTH_INVALID_TOKEN, AUTH_EXPIRED_TOKEN */
    check(parsed: ParsedToken, at: { now: number; allowExpired: boolean }): TokenClaims {
      const claims = signedClaims(parsed, types)
      headers.remember(parsed.token, parsed.read)
      checkClaims(claims, policy, at)
      if (!this.matchesSchema(claims)) throw refusal('AUTH_INVALID_TOKEN', 'the claims do not fit "accessToken.claims"')
      return claims
    },

    /**
     * The session that a token names, for signing out. A good signature, our `iss` and a `sid` suffice: what else was
     * required when it was signed may have changed since. `null` for a token without a session, and for one that expired
     * more than `maxLifetimeSeconds` ago, whose session no access token can belong to any more.
     * @throws AuthError AUTH_INVALID_TOKEN
     */
    namedSession(parsed: ParsedToken, now: number): string | null {
      const { iss, exp, sid } = signedClaims(parsed, null)
      if (iss !== issuer) throw refusal('AUTH_INVALID_TOKEN', 'iss is not the issuer')
      if (!isWholeSeconds(exp)) throw refusal('AUTH_INVALID_TOKEN', 'exp must be an integer')
      if (sid !== undefined && typeof sid !== 'string') throw refusal('AUTH_INVALID_TOKEN', 'sid must be a string')
      const isTooOld = now / 1000 - exp > maxLifetimeSeconds
      return isTooOld ? null : (sid ?? null)
    }
  }
}
