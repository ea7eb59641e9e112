import { randomBytes } from 'node:crypto'
import { TypeCompiler } from '@sinclair/typebox/compiler'
import { refusal } from '../errors.ts'
import type { Settings } from '../settings.ts'
import { checkClaims, isScopeToken, reservedClaims, rolesOf, scopesOf, type StandardClaims } from './claims.ts'
import { maxTokenLength, parseCompact, type Compact } from './compact.ts'
import { checkHeader, mediaTypes, readKeyHint } from './header.ts'
import type { Jwt } from './jwt.ts'
import type { KeySource } from './key-source.ts'
import { createTokenCache } from './token-cache.ts'
import type { TrustedIssuer } from './trusted-issuer.ts'

/** A token that has verified completely, but for revocation, which can come later. */
export interface AccessToken {
  /** Deep-frozen: what one request sees, no other request has changed. */
  readonly claims: Readonly<Record<string, unknown>> & StandardClaims
  /** `null` for tokens without a session: machines', and other issuers', whatever their `sid` says. */
  readonly sessionId: string | null
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
}

interface Remembered {
  readonly verified: AccessToken
  /** When it is to be checked against its issuer's keys again, milliseconds. */
  readonly recheckAt: number
}

/** Another issuer's keys can go without a word: what they signed is checked anew after this long. */
const recheckMs = 5 * 60_000

export interface Mintable {
  readonly sub: string
  readonly sid?: string | undefined
  readonly scope?: string | null | undefined
  /** The application's own claims. */
  readonly claims: Readonly<Record<string, unknown>>
}

export type AccessTokens = ReturnType<typeof createAccessTokens>

/** Mints and checks access tokens: JWTs after RFC 9068, signed as compact JWS. */
export function createAccessTokens (settings: Settings, keys: Pick<KeySource, 'current' | 'lookAgain' | 'onSwap'>, trustedIssuers: readonly TrustedIssuer[] = []) {
  const { issuer, audience, clock, accessToken: { type, clockToleranceSeconds, maxLifetimeSeconds, cacheSize, claims: schema } } = settings
  const policy = { issuer, audience, clockToleranceSeconds, maxLifetimeSeconds }
  const fits = schema ? TypeCompiler.Compile(schema) : null
  const types = mediaTypes(type)
  const cache = createTokenCache<Remembered>(cacheSize)
  const aud = audience.length === 1 ? audience[0] : audience
  const trusted = new Map<unknown, TrustedIssuer>(trustedIssuers.map((other) => [other.issuer, other]))
  keys.onSwap(() => cache.clear())

  return {
    /**
     * Signs an access token that is valid from `iat` to `exp`, whole seconds.
     * @throws AuthError AUTH_TOKEN_TOO_LARGE when nobody could present it; its `detail` names the large claims
     */
    mint ({ sub, sid, scope, claims }: Mintable, { iat, exp }: { iat: number, exp: number }): string {
      const payload: Record<string, unknown> = { ...claims, iss: issuer, aud, sub, exp, iat, jti: randomBytes(16).toString('base64url') }
      if (sid !== undefined) payload.sid = sid
      if (scope) payload.scope = scope
      if (fits && !fits.Check(payload)) throw new TypeError('The claims do not fit "accessToken.claims": a token with them would be refused')
      const token = keys.current().active.sign(payload)
      if (token.length > maxTokenLength) throw refusal('AUTH_TOKEN_TOO_LARGE', `the token would be over ${maxTokenLength} bytes. ${describeLargest(claims)}`)
      return token
    },

    /**
     * Checks everything that a token can be asked without asking whether it was revoked: size, shape, header, signature,
     * claims, the application's schema. The token's issuer chooses the keys, so that no issuer's key can sign for another.
     * @param issuers which other issuers' tokens are wanted; others' are refused before their keys are asked for
     * @throws AuthError AUTH_INVALID_TOKEN, AUTH_EXPIRED_TOKEN; AUTH_KEYS_UNAVAILABLE for other issuers' tokens
     */
    async verify (token: string, issuers: readonly string[] | null = null): Promise<AccessToken> {
      const known = cache.get(token)
      const now = clock()
      if (known !== undefined && now < known.recheckAt) return stillValid(known.verified, token, now)
      const parsed = parseCompact(token)
      const other = trusted.get(parsed.payload.iss)
      if (other !== undefined && !issuers?.includes(other.issuer)) throw refusal('AUTH_INVALID_TOKEN', 'tokens of this issuer are not taken here')
      if (other !== undefined) return remember(token, await checkOther(other, token, parsed), now + recheckMs)
      let candidates = candidatesFor(parsed)
      if (candidates.length === 0 && await keys.lookAgain()) candidates = candidatesFor(parsed)
      return remember(token, checkOwn(token, parsed, { candidates, now, allowExpired: false }), Infinity)
    },

    /** Our own tokens only, for signing out: one that is valid in everything but `exp` still names its session. */
    verifyExpired (token: string): AccessToken {
      const parsed = parseCompact(token)
      return checkOwn(token, parsed, { candidates: candidatesFor(parsed), now: clock(), allowExpired: true })
    }
  }

  /** A copy of the text: a part of a header would keep the whole header in memory. */
  function remember (token: string, verified: AccessToken, recheckAt: number): AccessToken {
    cache.set(Buffer.from(token, 'latin1').toString('latin1'), { verified, recheckAt })
    return verified
  }

  function stillValid (known: AccessToken, token: string, now: number): AccessToken {
    const { exp, nbf } = known.claims
    if (exp * 1000 <= now) {
      cache.delete(token)
      throw refusal('AUTH_EXPIRED_TOKEN', 'exp is not in the future')
    }
    if (nbf !== undefined && nbf * 1000 > now + clockToleranceSeconds * 1000) throw refusal('AUTH_INVALID_TOKEN', 'nbf is in the future')
    return known
  }

  function candidatesFor ({ header }: Compact): readonly Jwt[] {
    const { alg, kid } = readKeyHint(header)
    return keys.current().candidates(alg, kid)
  }

  function checkOwn (token: string, { header, payload }: Compact, { candidates, ...at }: { candidates: readonly Jwt[], now: number, allowExpired: boolean }): AccessToken {
    if (candidates.length === 0) throw refusal('AUTH_INVALID_TOKEN', 'no key fits alg and kid')
    checkHeader(header, types)
    if (!candidates.some((jwt) => jwt.verifies(token))) throw refusal('AUTH_INVALID_TOKEN', 'the signature is wrong')
    checkClaims(payload, policy, at)
    if (fits && !fits.Check(payload)) throw refusal('AUTH_INVALID_TOKEN', 'the claims do not fit "accessToken.claims"')
    return accessToken(payload, { sessionId: payload.sid ?? null, scope: payload.scope, roles: payload.roles })
  }

  async function checkOther (other: TrustedIssuer, token: string, parsed: Compact): Promise<AccessToken> {
    const claims = await other.check(token, parsed, clock())
    return accessToken(claims, { sessionId: null, ...other.map(claims) })
  }
}

function accessToken (claims: AccessToken['claims'], { sessionId, scope, roles }: { sessionId: string | null, scope?: unknown, roles?: unknown }): AccessToken {
  deepFreeze(claims)
  return Object.freeze({ claims, sessionId, scopes: Object.freeze(scopesOf(scope)), roles: Object.freeze(rolesOf(roles)) })
}

/** Says which of the application's claims make a token large: sizes and names, no values. */
export function describeLargest (claims: Readonly<Record<string, unknown>>): string {
  const sizes = Object.entries(claims).map(([name, value]) => ({ name, bytes: Buffer.byteLength(JSON.stringify(value) ?? '') }))
  const largest = sizes.sort((a, b) => b.bytes - a.bytes).slice(0, 3).map(({ name, bytes }) => `${name} (${bytes} bytes)`)
  return `The largest claims: ${largest.join(', ') || 'none of the application\'s'}`
}

/** With a list of its own instead of recursion: nesting in a signed token cannot exhaust the stack. */
function deepFreeze (root: object): void {
  const open: object[] = [root]
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    Object.freeze(value)
    for (const member of Object.values(value)) if (typeof member === 'object' && member !== null) open.push(member)
  }
}

/**
 * Refuses claims that an application may not set, or that are no JSON.
 * @throws TypeError that names the claim
 */
export function checkOwnClaims (claims: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  // What is signed is what JSON makes of them: a `toJSON` has its say before they are looked at.
  const own = JSON.parse(JSON.stringify(claims) ?? 'null')
  if (typeof own !== 'object' || own === null || Array.isArray(own)) throw new TypeError('"claims" must be an object')
  const reserved = reservedClaims.find((name) => Object.hasOwn(own, name))
  if (reserved) throw new TypeError(`"claims" must not contain "${reserved}": the plugin sets it`)
  return own
}

/** @throws TypeError when `scope` is not as in RFC 6749 §3.3: tokens of printable ASCII with one space between them */
export function checkScope (scope: unknown): string | null {
  if (scope === undefined || scope === null || scope === '') return null
  if (typeof scope !== 'string' || !scope.split(' ').every(isScopeToken)) throw new TypeError('"scope" must be scope tokens with one space between them (RFC 6749 §3.3)')
  return scope
}
