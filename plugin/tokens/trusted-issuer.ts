import type { JsonWebKey } from 'node:crypto'
import { refusal } from '../errors.ts'
import { optionError } from '../options/option-error.ts'
import type { Settings } from '../options/options.ts'
import type { TrustedIssuerSettings } from '../options/trusted-issuers.ts'
import { isAlgorithm, needOf, type Algorithm } from './algorithms.ts'
import { checkClaims, isRoles, scopesOf, type StandardClaims } from './claims.ts'
import { checkHeader, mediaTypes, readKeyHint } from './header.ts'
import { createSigner, type Signer } from './signer.ts'
import { readKey, type Key } from './key.ts'
import { createRemoteKeys, isSafeUrl, type PublishedKey, type RemoteKeys, type RemoteTiming } from './remote-keys.ts'
import type { UnverifiedToken } from './unverified-token.ts'

/** Trying every key of an algorithm is bounded, when a token names no `kid` or the set has it many times. */
const maxCandidates = 8
const maxRead = 64
/** RFC 7518 §6: who publishes one of these has lost the key. */
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/** What a token of another issuer counts for here. */
export interface Rights {
  readonly scope?: string
  readonly roles?: readonly string[]
}

export interface TrustedIssuer {
  readonly issuer: string
  /**
   * What the issuer's claims count for here: only what the application's `map` says. Ill-typed members are absent.
   * @throws AuthError AUTH_INVALID_TOKEN when `map` throws: what a token lacks is no fault of this server
   */
  map(claims: Readonly<Record<string, unknown>>): Rights
  /**
   * Checks a token that says it is this issuer's, with this issuer's keys and no others. The time is asked for after
   * the keys, which can take seconds to fetch.
   * @throws AuthError AUTH_INVALID_TOKEN, AUTH_EXPIRED_TOKEN, AUTH_KEYS_UNAVAILABLE
   */
  check(token: UnverifiedToken, clock: () => number): Promise<Readonly<Record<string, unknown>> & StandardClaims>
}

/**
 * An external identity provider whose access tokens are taken: verify only, algorithms pinned, audience required.
 * @throws TypeError that names the option
 */
function createTrustedIssuer(
  option: TrustedIssuerSettings,
  { name, clockToleranceSeconds, timing }: { name: string; clockToleranceSeconds: number; timing: RemoteTiming }
): TrustedIssuer {
  const { issuer, jwks, jwksUri, type, maxLifetimeSeconds, map } = option
  const algorithms = option.algorithms.map((alg, index) => pinned(alg, `${name}.algorithms.${index}`))
  const types = mediaTypes(type)
  const audience = [option.audience].flat()
  const policy = { issuer, audience, clockToleranceSeconds, maxLifetimeSeconds, fractions: true }
  if (jwks !== undefined && jwksUri !== undefined) throw optionError(`${name}.jwksUri`, 'must not stand beside "jwks"')
  if (jwksUri !== undefined && !isSafeUrl(jwksUri)) {
    throw optionError(`${name}.jwksUri`, 'must be an https URL without credentials')
  }
  if (jwks === undefined && jwksUri === undefined && !isDiscoverable(issuer)) {
    throw optionError(
      `${name}.issuer`,
      'must be an https URL without query or fragment, so that its keys can be discovered, unless "jwks" or "jwksUri" is given'
    )
  }
  const keys =
    jwks === undefined
      ? createRemoteKeys({ issuer, jwksUri, ...timing })
      : fixedKeys(jwks.keys, algorithms, `${name}.jwks`)
  const jwtOf = createJwtCache()

  async function candidates(alg: Algorithm, kid: string | undefined): Promise<readonly Signer[]> {
    const found = await fitting(await keys.get(), alg, kid)
    return found.length > 0 ? found : await fitting(await keys.get({ anew: true }), alg, kid)
  }

  async function fitting(
    published: readonly PublishedKey[],
    alg: Algorithm,
    kid: string | undefined
  ): Promise<readonly Signer[]> {
    const named = published.filter((jwk) => mayBe(jwk, alg) && (kid === undefined || jwk.kid === kid)).slice(0, maxRead)
    const jwts: Signer[] = []
    for (const jwk of named) {
      const jwt = await jwtOf(jwk, alg)
      if (jwt !== null && jwts.push(jwt) === maxCandidates) break
    }
    return jwts
  }

  return {
    issuer,
    map(claims) {
      try {
        const mapped = map(claims) as ReturnType<typeof map> | null | undefined
        // Nothing else of what an application returns becomes part of the caller: no session, above all.
        return rightsOf({ scope: mapped?.scope, roles: mapped?.roles })
      } catch (error) {
        throw refusal(
          'AUTH_INVALID_TOKEN',
          `"map" threw ${error instanceof Error ? error.constructor.name : 'what is no Error'}`,
          { cause: error }
        )
      }
    },
    async check(token, clock) {
      const { header, payload } = token.decode()
      const { alg, kid } = readKeyHint(header)
      if (!algorithms.includes(alg)) throw refusal('AUTH_INVALID_TOKEN', 'alg is none that is pinned for this issuer')
      // Before the keys, which may have to be fetched: an ID token is refused whether they can be had or not.
      checkHeader(header, types)
      const jwts = await candidates(alg, kid)
      if (jwts.length === 0) throw refusal('AUTH_INVALID_TOKEN', 'no key of the issuer fits alg and kid')
      if (!jwts.some((jwt) => jwt.verify(token.text) !== null))
        throw refusal('AUTH_INVALID_TOKEN', 'the signature is wrong')
      checkClaims(payload, policy, { now: clock(), allowExpired: false })
      return payload
    }
  }
}

/** @throws TypeError that names the option */
export function createTrustedIssuers(
  {
    issuer,
    trustedIssuers,
    accessToken: { clockToleranceSeconds }
  }: Pick<Settings, 'issuer' | 'trustedIssuers' | 'accessToken'>,
  timing: RemoteTiming = {}
): TrustedIssuer[] {
  const names = [issuer, ...trustedIssuers.map((option) => option.issuer)]
  const twice = trustedIssuers.findIndex((option, index) => names.indexOf(option.issuer) !== index + 1)
  if (twice >= 0) throw optionError(`trustedIssuers.${twice}.issuer`, 'is "issuer" itself, or stands in the list twice')
  return trustedIssuers.map((option, index) =>
    createTrustedIssuer(option, { name: `trustedIssuers.${index}`, clockToleranceSeconds, timing })
  )
}

/** Copied, because the application may change later what it returned. */
function rightsOf({ scope, roles }: { scope: unknown; roles: unknown }): Rights {
  const scopes = scopesOf(scope)
  return {
    ...(scopes.length > 0 && { scope: scopes.join(' ') }),
    ...(isRoles(roles) && { roles: Object.freeze([...roles]) })
  }
}

/** A secret shared with an identity provider would let either sign for the other. */
function pinned(alg: string, name: string): Algorithm {
  if (!isAlgorithm(alg) || alg.startsWith('HS')) {
    throw optionError(name, 'must be an asymmetric signature algorithm, such as RS256')
  }
  return alg
}

/** A configured set is the application's word: what is wrong with it is said at the start. Keys for other uses may stand in it. */
function fixedKeys(given: readonly unknown[], algorithms: readonly Algorithm[], name: string): RemoteKeys {
  const keys = structuredClone(given) as PublishedKey[]
  const isSecret = (jwk: unknown) =>
    typeof jwk === 'object' && jwk !== null && privateMembers.some((member) => Object.hasOwn(jwk, member))
  if (keys.some(isSecret)) throw optionError(`${name}.keys`, 'must have public keys only')
  const fits = keys.some((jwk) => algorithms.some((alg) => mayBe(jwk, alg) && readPublished(jwk, alg) !== null))
  if (!fits) throw optionError(`${name}.keys`, 'has no key that is fit for any of "algorithms"')
  return { get: async () => keys }
}

/** OpenID Connect Discovery 1.0 §3: an issuer has no query and no fragment. */
function isDiscoverable(issuer: string): boolean {
  return isSafeUrl(issuer) && !/[?#]/.test(issuer)
}

/** A cheap look, so that of a large set only what can be meant is read. */
function mayBe(jwk: PublishedKey | null, alg: Algorithm): boolean {
  if (typeof jwk !== 'object' || jwk === null || jwk.kty !== needOf(alg).kty) return false
  return (jwk.use ?? 'sig') === 'sig' && (jwk.alg ?? alg) === alg
}

/** Verifiers are made when a token first asks for a key: a large set costs nothing until then. */
function createJwtCache() {
  const made = new WeakMap<object, Map<Algorithm, Promise<Signer | null>>>()

  return function jwtOf(jwk: PublishedKey, alg: Algorithm): Promise<Signer | null> {
    let byAlgorithm = made.get(jwk)
    if (byAlgorithm === undefined) made.set(jwk, (byAlgorithm = new Map()))
    let jwt = byAlgorithm.get(alg)
    if (jwt === undefined) byAlgorithm.set(alg, (jwt = makeJwt(jwk, alg)))
    return jwt
  }
}

async function makeJwt(jwk: PublishedKey, alg: Algorithm): Promise<Signer | null> {
  const key = readPublished(jwk, alg)
  return key && (await createSigner(key, 'JWT'))
}

/** `null` for a key that is not fit for its use: secret, private, weak, for encryption, for another algorithm. */
function readPublished(jwk: PublishedKey, alg: Algorithm): Key | null {
  if (privateMembers.some((member) => Object.hasOwn(jwk, member))) return null
  try {
    return readKey({ key: jwk as JsonWebKey, alg, kid: 'external' }, 'jwks')
  } catch {
    return null
  }
}
