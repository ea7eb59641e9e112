import { refusal } from '../errors.ts'
import { assertNotReserved } from '../options/issuer.ts'
import { optionError } from '../options/option-error.ts'
import { isIssuerUrl, isSafeUrl } from '../options/safe-url.ts'
import { show } from '../options/show.ts'
import type { TrustedIssuerSettings } from '../options/trusted-issuers.ts'
import { canonicalName, isAlgorithm, type Algorithm } from './algorithms.ts'
import { checkClaims, reservedClaims, withAudience, type TokenClaims } from './claims.ts'
import { checkHeader, mediaTypes, readKeyHint, type KeyHint } from './header.ts'
import { keyMismatch } from './mismatch.ts'
import {
  createVerifiers,
  isPrivate,
  mayFit,
  readPublishedKey,
  type KeySet,
  type PublishedKey
} from './published-key.ts'
import { RemoteKeys, type RemoteTiming } from './remote-keys.ts'
import { mapRights, type Rights } from './rights.ts'
import type { UnverifiedToken } from './unverified-token.ts'
import type { Verifier } from './verifier.ts'

/** How many keys are tried when a token has no `kid`, or the set repeats it. */
const maxCandidates = 8
/** How many keys of a set are read to find the candidates. */
const maxRead = 64

/** An external identity provider whose access tokens are accepted. This server never signs for it. */
export interface TrustedIssuer {
  readonly issuer: string
  readonly keys: KeySet
  /** The largest difference allowed between `exp` and `iat`. */
  readonly maxLifetimeSeconds: number
  /**
   * What the issuer's verified claims grant here.
   * @throws AuthError AUTH_INVALID_TOKEN when the application's `map` throws
   */
  map(claims: Readonly<Record<string, unknown>>): Rights
  /**
   * Checks a token that claims to be from this issuer, with this issuer's keys only. The clock is read after the keys
   * have arrived, which can take seconds.
   * @param options.audience accepted instead of the configured audience; `null` for the configured one
   * @throws AuthError AUTH_INVALID_TOKEN, AUTH_EXPIRED_TOKEN, AUTH_KEYS_UNAVAILABLE
   */
  check(token: UnverifiedToken, options: TrustedCheckOptions): Promise<TokenClaims>
}

interface TrustedCheckOptions {
  readonly clock: () => number
  readonly audience: readonly string[] | null
}

interface TrustedIssuerContext {
  /** The option, for error messages. */
  readonly name: string
  readonly clockToleranceSeconds: number
  readonly timing: RemoteTiming
  /** The same issuer as it was before. If its keys come from the same place, they are kept. */
  readonly previous?: TrustedIssuer | undefined
}

/** @throws TypeError that names the option */
export function createTrustedIssuer(
  option: TrustedIssuerSettings,
  { name, clockToleranceSeconds, timing, previous }: TrustedIssuerContext
): TrustedIssuer {
  const { issuer, audienceClaim, jwks, maxLifetimeSeconds } = option
  const algorithms = option.algorithms.map((alg, index) => checkAlgorithm(alg, `${name}.algorithms.${index}`))
  const types = mediaTypes(option.type)
  const audience = [option.audience].flat()
  const policy = {
    issuers: [issuer],
    audience,
    audienceClaim,
    clockToleranceSeconds,
    maxLifetimeSeconds,
    fractions: true
  }
  checkAudienceClaim(audienceClaim, name)
  checkLocation(option, name)
  const keys =
    typeof jwks === 'object'
      ? fixedKeys(jwks.keys, { algorithms, name: `${name}.jwks.keys` })
      : remoteKeys(option, { previous: previous?.keys, timing })
  const verifierOf = createVerifiers()

  async function candidates(hint: KeyHint): Promise<readonly Verifier[]> {
    const found = fitting(await keys.get(), hint)
    if (found.length > 0) return found
    const reloaded = await keys.reload()
    const foundThen = fitting(reloaded, hint)
    if (foundThen.length > 0) return foundThen
    throw refusal(
      'AUTH_INVALID_TOKEN',
      reloaded.some((jwk) => isNamed(jwk, hint))
        ? "the issuer's key for alg and kid cannot be used: it is private, weak or malformed"
        : keyMismatch(hint, reloaded.filter(isObject))
    )
  }

  function fitting(published: readonly PublishedKey[], hint: KeyHint): readonly Verifier[] {
    const { alg } = hint
    const matching = published.filter((jwk) => isNamed(jwk, hint))
    const verifiers: Verifier[] = []
    for (const jwk of matching.slice(0, maxRead)) {
      const verifier = verifierOf(jwk, alg)
      if (verifier !== null && verifiers.push(verifier) === maxCandidates) break
    }
    return verifiers
  }

  return {
    issuer,
    keys,
    maxLifetimeSeconds,
    map: (claims) => mapRights(claims, option),

    async check(token, { clock, audience }) {
      const { header, payload } = token.decode()
      const hint = readKeyHint(header)
      if (!algorithms.includes(hint.alg)) {
        throw refusal('AUTH_INVALID_TOKEN', "alg is not among this issuer's algorithms")
      }
      // Before the keys, which may have to be fetched: an ID token is refused even if they are unavailable.
      checkHeader(header, types)
      const verifiers = await candidates(hint)
      if (!verifiers.some((verifier) => token.isSignedBy(verifier))) {
        throw refusal('AUTH_INVALID_TOKEN', 'the signature is wrong')
      }
      checkClaims(payload, { policy: withAudience(policy, audience), now: clock(), allowExpired: false })
      return payload
    }
  }
}

function isNamed(jwk: PublishedKey, { alg, kid }: KeyHint): boolean {
  return mayFit(jwk, alg) && (kid === undefined || jwk.kid === kid)
}

/** A published set can contain anything. */
function isObject(jwk: unknown): jwk is PublishedKey {
  return typeof jwk === 'object' && jwk !== null
}

/** A secret shared with an identity provider would let each sign for the other. */
function checkAlgorithm(alg: string, name: string): Algorithm {
  if (!isAlgorithm(alg) || alg.startsWith('HS')) {
    throw optionError(name, 'must be an asymmetric signature algorithm, such as RS256')
  }
  return canonicalName(alg)
}

/** Tokens of any audience have these. */
function checkAudienceClaim(claim: string, name: string): void {
  const isRegistered = claim !== 'aud' && (reservedClaims as readonly string[]).includes(claim)
  if (isRegistered) throw optionError(`${name}.audienceClaim`, `must hold an audience: received ${show(claim)}`)
}

function checkLocation(option: TrustedIssuerSettings, name: string): void {
  const { issuer, jwks, jwksUri, fetch, allowInsecureRequests } = option
  assertNotReserved(issuer, `${name}.issuer`)
  const useless = Object.entries({ jwksUri, fetch, allowInsecureRequests: allowInsecureRequests || undefined })
  for (const [member, value] of jwks === undefined ? [] : useless) {
    if (value !== undefined) throw optionError(`${name}.${member}`, 'must not be set together with "jwks"')
  }
  if (jwksUri !== undefined && !isSafeUrl(jwksUri, allowInsecureRequests)) {
    throw optionError(
      `${name}.jwksUri`,
      'must be an https URL without credentials, or an http URL with "allowInsecureRequests"'
    )
  }
  if (jwks === undefined && jwksUri === undefined && !isIssuerUrl(issuer, allowInsecureRequests)) {
    throw optionError(
      `${name}.issuer`,
      'must be an https URL without query or fragment, so that its keys can be discovered. ' +
        'For http, set "allowInsecureRequests"; for another name, give "jwksUri" or "jwks"'
    )
  }
}

function remoteKeys(
  option: TrustedIssuerSettings,
  { previous, timing }: { readonly previous: KeySet | undefined; readonly timing: RemoteTiming }
): RemoteKeys {
  if (previous instanceof RemoteKeys && previous.moveTo(option)) return previous
  return new RemoteKeys(option, timing)
}

/** A wrong set in the options fails at start. Keys for other uses may be among them. */
function fixedKeys(
  given: readonly unknown[],
  { algorithms, name }: { algorithms: readonly Algorithm[]; name: string }
): KeySet {
  const keys = structuredClone(given) as PublishedKey[]
  if (keys.some(isPrivate)) throw optionError(name, 'must contain only public keys')
  const isUsable = keys.some((jwk) => algorithms.some((alg) => mayFit(jwk, alg) && readPublishedKey(jwk, alg) !== null))
  if (!isUsable) throw optionError(name, 'has no usable key for any of "algorithms"')
  return { get: async () => keys, reload: async () => keys }
}
