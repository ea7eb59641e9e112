import { randomUUID } from 'node:crypto'
import { isObject } from '../arguments.ts'
import type { JsonWebKey } from '../options/json-web-key.ts'
import type { TrustedIssuerOption } from '../options/trusted-issuers.ts'
import { algorithms, isAlgorithm, type Algorithm } from '../tokens/algorithms.ts'
import { createTestKey, type TestKey } from './key.ts'

/** An identity provider that exists only in the test. It needs no network. */
export interface TestIssuer {
  /** The claim `iss` of its tokens. */
  readonly issuer: string
  /** The URL of its keys. Clients that discover the keys do not need it. */
  readonly jwksUri: string
  /**
   * An entry for the option `trustedIssuers`. `entry` may be the one that the application has for this issuer: its
   * `map`, `type` and so on stay. Only the keys come from {@link fetch}.
   * ```ts
   * const login = createTestAuth().issuer('https://login.example.com')
   * await app.register(authenticate, {
   *   issuer,
   *   secret,
   *   trustedIssuers: [login.trust({ audience: 'https://api.example.com', map: () => ({ scope: 'notes:read' }) })]
   * })
   * const headers = { authorization: `Bearer ${await login.token({ sub: 'alice' })}` }
   * ```
   * @throws TypeError if `algorithms` does not include the algorithm of this issuer
   */
  trust(entry: Omit<TrustedIssuerOption, 'issuer' | 'algorithms'> & Partial<TrustedIssuerOption>): TrustedIssuerOption
  /**
   * Signs an access token (RFC 9068) that is valid for 10 minutes by the kit's clock. Its audience and its `typ` are
   * those of the last {@link trust}.
   * @param claims added to those that every token has, or instead of them. One that is `undefined` is left out
   * @param header the same for the header, which has `alg`, `kid` and `typ`
   */
  token(claims?: Readonly<Record<string, unknown>>, header?: Readonly<Record<string, unknown>>): Promise<string>
  /** Its public keys (RFC 7517 §5). */
  jwks(): Promise<{ keys: JsonWebKey[] }>
  /**
   * Serves its keys and its discovery documents (OpenID Connect Discovery 1.0 §4, RFC 8414 §3), and 404 for the rest.
   * `jose` and `oauth4webapi` accept it as `[customFetch]`.
   */
  fetch(url: string | URL | Request, init?: object): Promise<Response>
}

/** What the tokens say, unless the test says something else. */
interface Defaults {
  /** Names the audience: by `aud`, or by the claim of `audienceClaim`. */
  readonly audience: Readonly<Record<string, unknown>>
  readonly typ: string
  readonly lifetimeSeconds: number
}

const longestSeconds = 600

export interface TestIssuerParts {
  readonly algorithm: Algorithm
  /** The clock of its tokens, in milliseconds. */
  readonly now: () => number
}

/** @param issuer a URL */
export function createTestIssuer(issuer: string, { algorithm, now }: TestIssuerParts): TestIssuer {
  const jwksUri = `${issuer.replace(/\/$/, '')}/jwks`
  let defaults: Defaults = { audience: {}, typ: 'at+jwt', lifetimeSeconds: longestSeconds }
  let created: Promise<TestKey> | undefined
  const key = () => (created ??= createTestKey(algorithm))
  const jwks = async () => ({ keys: [(await key()).publicJwk!] })

  /** The documents by their URLs. */
  const metadata = metadataOf(issuer, { algorithm, jwksUri })
  const documents: Readonly<Record<string, () => Promise<object>>> = {
    ...Object.fromEntries(metadataUrls(issuer).map((url) => [url, async () => metadata])),
    [jwksUri]: jwks
  }

  async function fetch(url: string | URL | Request): Promise<Response> {
    const document = documents[url instanceof Request ? url.url : String(url)]
    return document === undefined ? new Response(null, { status: 404 }) : Response.json(await document())
  }

  return {
    issuer,
    jwksUri,
    jwks,
    fetch,

    trust(given) {
      if (!isObject(given)) {
        throw new TypeError('"entry" must be an object such as { audience: \'https://api.example.com\' }')
      }
      const { jwks: _jwks, jwksUri: _jwksUri, ...entry } = given
      if (entry.issuer !== undefined && entry.issuer !== issuer) {
        throw new TypeError(`"issuer" must be ${issuer}, this issuer: received ${entry.issuer}`)
      }
      const accepted = entry.algorithms ?? [algorithm]
      if (!accepted.includes(algorithm)) {
        throw new TypeError(
          `"algorithms" must include "${algorithm}", the algorithm of this issuer: received ${accepted.join(', ')}. ` +
            `Or choose another by issuer(url, { algorithm: '${accepted[0]}' })`
        )
      }
      defaults = defaultsOf(entry)
      return { ...entry, issuer, algorithms: accepted, fetch: fetch as NonNullable<TrustedIssuerOption['fetch']> }
    },

    async token(claims = {}, header = {}) {
      if (!isObject(claims) || !isObject(header)) {
        throw new TypeError('"claims" and "header" must be objects, such as token({ sub: \'bob\' })')
      }
      const { alg, kid, sign } = await key()
      const { audience, typ, lifetimeSeconds } = defaults
      const iat = Math.floor(now() / 1000)
      const times = { iat, exp: iat + lifetimeSeconds }
      const registered = { iss: issuer, sub: 'alice', client_id: 'test-client', jti: randomUUID(), ...times }
      return sign({ alg, kid, typ, ...header }, { ...registered, ...audience, ...claims })
    }
  }
}

/** @throws TypeError for anything but an asymmetric algorithm */
export function readIssuerAlgorithm(name: unknown): Algorithm {
  if (isAlgorithm(name) && algorithms[name].kty !== 'oct') return name
  const names = Object.entries(algorithms).flatMap(([name, { kty }]) => (kty === 'oct' ? [] : [name]))
  throw new TypeError(`"algorithm" must be one of ${names.join(', ')}: received ${String(name)}`)
}

function defaultsOf({
  audience,
  audienceClaim = 'aud',
  type = 'at+jwt',
  maxLifetimeSeconds = longestSeconds
}: Pick<TrustedIssuerOption, 'audience' | 'audienceClaim' | 'type' | 'maxLifetimeSeconds'>): Defaults {
  return {
    audience: { [audienceClaim]: audienceClaim === 'aud' ? audience : [audience].flat()[0] },
    typ: type === false ? 'JWT' : [type].flat()[0]!,
    lifetimeSeconds: Math.min(longestSeconds, maxLifetimeSeconds)
  }
}

function metadataUrls(issuer: string): readonly string[] {
  const { origin, pathname } = new URL(issuer)
  const path = pathname.replace(/\/$/, '')
  return [
    `${origin}${path}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`
  ]
}

/** What OpenID Connect Discovery 1.0 §3 and RFC 8414 §2 require. */
function metadataOf(issuer: string, { algorithm, jwksUri }: { algorithm: string; jwksUri: string }) {
  const base = issuer.replace(/\/$/, '')
  return {
    issuer,
    authorization_endpoint: `${base}/authorize`,
    token_endpoint: `${base}/token`,
    jwks_uri: jwksUri,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [algorithm]
  }
}
