import type { JsonWebKey } from 'node:crypto'
import { refusal } from '../errors.ts'
import { optionError, type TrustedIssuerOption } from '../options.ts'
import type { Settings } from '../settings.ts'
import { isAlgorithm, type Algorithm } from './algorithms.ts'
import { checkClaims, type StandardClaims } from './claims.ts'
import type { Compact } from './compact.ts'
import { checkHeader, mediaTypes, readKeyHint } from './header.ts'
import { createJwt, type Jwt } from './jwt.ts'
import { readKey } from './key.ts'
import { createRemoteKeys, isSafeUrl, type PublishedKey, type RemoteKeys } from './remote-keys.ts'

/** Trying every key of an algorithm is bounded, when a token names no `kid`. */
const maxCandidates = 8

export interface TrustedIssuer {
  readonly issuer: string
  /** What the issuer's claims count for here; nothing but what `map` says. */
  map (claims: Readonly<Record<string, unknown>>): { scope?: unknown, roles?: unknown }
  /**
   * Checks a token that says it is this issuer's, with this issuer's keys and no others.
   * @throws AuthError AUTH_INVALID_TOKEN, AUTH_EXPIRED_TOKEN, AUTH_KEYS_UNAVAILABLE
   */
  check (token: string, parsed: Compact, now: number): Promise<Readonly<Record<string, unknown>> & StandardClaims>
}

/**
 * An external identity provider whose access tokens are taken: verify only, algorithms pinned, audience required.
 * @throws TypeError that names the option
 */
function createTrustedIssuer (option: TrustedIssuerOption, { name, clockToleranceSeconds }: { name: string, clockToleranceSeconds: number }): TrustedIssuer {
  const { issuer, jwks, jwksUri, type = 'at+jwt', maxLifetimeSeconds = 86_400, map = () => ({}) } = option
  const algorithms = option.algorithms.map((alg, index) => pinned(alg, `${name}.algorithms.${index}`))
  const types = mediaTypes(type)
  const policy = { issuer, audience: [option.audience].flat(), clockToleranceSeconds, maxLifetimeSeconds }
  if (jwks !== undefined && jwksUri !== undefined) throw optionError(`${name}.jwksUri`, 'must not stand beside "jwks"')
  if (jwksUri !== undefined && !isSafeUrl(jwksUri)) throw optionError(`${name}.jwksUri`, 'must be an https URL')
  if (jwks === undefined && jwksUri === undefined && !isSafeUrl(issuer)) throw optionError(`${name}.issuer`, 'must be an https URL, so that its keys can be discovered, unless "jwks" or "jwksUri" is given')
  const keys = jwks === undefined ? createRemoteKeys({ issuer, jwksUri }) : fixedKeys(jwks.keys as PublishedKey[])
  const jwtOf = createJwtCache()

  async function candidates (alg: Algorithm, kid: string | undefined): Promise<readonly Jwt[]> {
    const found = await fitting(await keys.get(), alg, kid)
    return found.length > 0 ? found : await fitting(await keys.get({ anew: true }), alg, kid)
  }

  async function fitting (published: readonly PublishedKey[], alg: Algorithm, kid: string | undefined): Promise<readonly Jwt[]> {
    const named = published.filter((jwk) => kid === undefined || jwk.kid === kid)
    const jwts: Jwt[] = []
    for (const jwk of named) {
      const jwt = await jwtOf(jwk, alg)
      if (jwt !== null && jwts.push(jwt) === maxCandidates) break
    }
    return jwts
  }

  return {
    issuer,
    map,
    async check (token, { header, payload }, now) {
      const { alg, kid } = readKeyHint(header)
      if (!algorithms.includes(alg)) throw refusal('AUTH_INVALID_TOKEN', 'alg is none that is pinned for this issuer')
      const jwts = await candidates(alg, kid)
      if (jwts.length === 0) throw refusal('AUTH_INVALID_TOKEN', 'no key of the issuer fits alg and kid')
      checkHeader(header, types)
      if (!jwts.some((jwt) => jwt.verifies(token))) throw refusal('AUTH_INVALID_TOKEN', 'the signature is wrong')
      checkClaims(payload, policy, { now, allowExpired: false })
      return payload
    }
  }
}

/** @throws TypeError that names the option */
export function createTrustedIssuers ({ issuer, trustedIssuers, accessToken: { clockToleranceSeconds } }: Settings): TrustedIssuer[] {
  const names = [issuer, ...trustedIssuers.map((option) => option.issuer)]
  const twice = trustedIssuers.findIndex((option, index) => names.indexOf(option.issuer) !== index + 1)
  if (twice >= 0) throw optionError(`trustedIssuers.${twice}.issuer`, 'is "issuer" itself, or stands in the list twice')
  return trustedIssuers.map((option, index) => createTrustedIssuer(option, { name: `trustedIssuers.${index}`, clockToleranceSeconds }))
}

/** A secret shared with an identity provider would let either sign for the other. */
function pinned (alg: string, name: string): Algorithm {
  if (!isAlgorithm(alg) || alg.startsWith('HS')) throw optionError(name, 'must be an asymmetric signature algorithm, such as RS256')
  return alg
}

function fixedKeys (keys: readonly PublishedKey[]): RemoteKeys {
  return { get: async () => keys }
}

/** Verifiers are made when a token first asks for a key: a large set costs nothing until then. */
function createJwtCache () {
  const made = new WeakMap<object, Map<Algorithm, Promise<Jwt | null>>>()

  return function jwtOf (jwk: PublishedKey, alg: Algorithm): Promise<Jwt | null> {
    let byAlgorithm = made.get(jwk)
    if (byAlgorithm === undefined) made.set(jwk, byAlgorithm = new Map())
    let jwt = byAlgorithm.get(alg)
    if (jwt === undefined) byAlgorithm.set(alg, jwt = makeJwt(jwk, alg))
    return jwt
  }
}

/** `null` for a key that is not fit for its use: secret, private, weak, for encryption, for another algorithm. */
async function makeJwt (jwk: PublishedKey, alg: Algorithm): Promise<Jwt | null> {
  if (jwk.kty === 'oct' || jwk.d !== undefined) return null
  try {
    return await createJwt(readKey({ key: jwk as JsonWebKey, alg, kid: 'external' }, 'jwks'), 'JWT')
  } catch {
    return null
  }
}
