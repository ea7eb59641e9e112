import { randomUUID } from 'node:crypto'
import { refusal } from '../errors.ts'
import type { Settings } from '../settings.ts'
import { isScopeToken, reservedClaims, rolesOf, scopesOf } from './claims.ts'
import { maxTokenLength, parseCompact } from './compact.ts'
import type { KeySource } from './key-source.ts'
import { createOwnTokens, type OwnClaims } from './own-token.ts'
import { createTokenCache } from './token-cache.ts'
import type { TrustedIssuer } from './trusted-issuer.ts'

/** A token that has verified completely, but for revocation, which can come later. */
export interface AccessToken {
  /** Deep-frozen: what one request sees, no other request has changed. */
  readonly claims: OwnClaims
  /** `null` for tokens without a session: machines', and other issuers', whatever their `sid` says. */
  readonly sessionId: string | null
  readonly scopes: readonly string[]
  readonly roles: readonly string[]
  /** A note of the list of revocations to itself: when it last had nothing against this token. */
  clearedAt: number
}

interface Remembered {
  readonly verified: AccessToken
  /** Milliseconds: the later of `iat` and `nbf`, and whichever comes first of `exp` and the time at which the issuer's keys are to be asked again. */
  readonly validFrom: number
  readonly validUntil: number
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
  const { issuer, audience, clock, accessToken: { clockToleranceSeconds, cacheSize } } = settings
  const own = createOwnTokens(settings, keys)
  const cache = createTokenCache<Remembered>(cacheSize)
  const aud = audience.length === 1 ? audience[0] : audience
  const trusted = new Map<unknown, TrustedIssuer>(trustedIssuers.map((other) => [other.issuer, other]))
  keys.onSwap(() => cache.clear())

  return {
    recall,

    /**
     * Signs an access token that is valid from `iat` to `exp`, whole seconds.
     * @throws AuthError AUTH_TOKEN_TOO_LARGE when nobody could present it; its `detail` names the large claims
     */
    mint ({ sub, sid, scope, claims }: Mintable, { iat, exp }: { iat: number, exp: number }): string {
      const payload: Record<string, unknown> = { ...claims, iss: issuer, aud, sub, exp, iat, jti: newJti() }
      if (sid !== undefined) payload.sid = sid
      if (scope) payload.scope = scope
      if (!own.fits(payload)) throw new TypeError('The claims do not fit "accessToken.claims": a token with them would be refused')
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
      const known = recall(token)
      if (known !== null) return known
      const other = issuerOf(token)
      if (other === null) {
        const opened = own.open(token)
        if (!own.knowsKey(opened)) await keys.lookAgain()
        return remember(token, ownToken(own.check(opened, { now: clock(), allowExpired: false })), Infinity)
      }
      if (!issuers?.includes(other.issuer)) throw refusal('AUTH_INVALID_TOKEN', 'tokens of this issuer are not taken here')
      const claims = await other.check(token, parseCompact(token), clock())
      return remember(token, accessToken(claims, { sessionId: null, ...other.map(claims) }), clock() + recheckMs)
    },

    /** Our own tokens only, for signing out: one that is valid in everything but `exp` still names its session. */
    verifyExpired: (token: string): AccessToken => ownToken(own.check(own.open(token), { now: clock(), allowExpired: true }))
  }

  /** The trusted issuer that a token says it is of. */
  function issuerOf (token: string): TrustedIssuer | null {
    if (trusted.size === 0) return null
    return trusted.get(parseCompact(token).payload.iss) ?? null
  }

  /** A token that has verified before and would again, but for revocation; `null` for any other, which `verify()` is for. */
  function recall (token: string): AccessToken | null {
    const known = cache.get(token)
    if (known === undefined) return null
    const now = clock()
    if (now >= known.validUntil) cache.delete(token)
    return known.validFrom <= now && now < known.validUntil ? known.verified : null
  }

  function remember (token: string, verified: AccessToken, recheckAt: number): AccessToken {
    // Other issuers' tokens may have neither.
    const { exp, iat = -Infinity, nbf = iat } = verified.claims
    const validFrom = (Math.max(iat, nbf) - clockToleranceSeconds) * 1000
    cache.set(token, { verified, validFrom, validUntil: Math.min(exp * 1000, recheckAt) })
    return verified
  }
}

/** 122 random bits, of which Node has a store: other ways to get them cost as much as the signature. */
function newJti (): string {
  return Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64url')
}

function ownToken (claims: OwnClaims): AccessToken {
  return accessToken(claims, { sessionId: claims.sid ?? null, scope: claims.scope, roles: claims.roles })
}

function accessToken (claims: AccessToken['claims'], { sessionId, scope, roles }: { sessionId: string | null, scope?: unknown, roles?: unknown }): AccessToken {
  deepFreeze(claims)
  return { claims, sessionId, scopes: scopesOf(scope), roles: rolesOf(roles), clearedAt: -1 }
}

/** Encodings are malleable even under a good signature: a token is revoked by who issued it and its `jti`, never by its text. */
export function tokenEntryId (iss: string, jti: string): string {
  return `${iss} ${jti}`
}

/** Says which of the application's claims make a token large: sizes and names, no values. */
export function describeLargest (claims: Readonly<Record<string, unknown>>): string {
  const sizes = Object.entries(claims).map(([name, value]) => ({ name, bytes: Buffer.byteLength(JSON.stringify(value) ?? '') }))
  const largest = sizes.sort((a, b) => b.bytes - a.bytes).slice(0, 3).map(({ name, bytes }) => `${name} (${bytes} bytes)`)
  return `The largest claims: ${largest.join(', ') || 'none of the application\'s'}`
}

/**
 * With a list of its own instead of recursion: nesting in a signed token cannot exhaust the stack. Read first and frozen
 * then, lists by their places: so it takes a third of the time.
 */
function deepFreeze (root: object): void {
  const open: object[] = [root]
  const add = (member: unknown) => { if (typeof member === 'object' && member !== null) open.push(member) }
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (Array.isArray(value)) for (let place = 0; place < value.length; place++) add(value[place])
    else for (const name in value) add((value as Record<string, unknown>)[name])
    Object.freeze(value)
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
