import { randomUUID } from 'node:crypto'
import type { JwkSet, TrustedIssuerOption } from '../options/trusted-issuers.ts'
import { createTestKey, type TestKey } from './key.ts'

/** An identity provider that exists only in the test. */
export interface TestIssuer {
  /** Its `iss`. */
  readonly issuer: string
  /** The URL of its keys, for clients that do not discover it. {@link fetch} serves it. */
  readonly jwksUri: string
  /**
   * An entry for `trustedIssuers`. It takes over the members of the application's own entry; the keys are discovered
   * through {@link fetch}.
   * ```ts
   * const idp = createTestAuth().issuer('https://login.example.com')
   * const trustedIssuers = [idp.trust({ audience: 'https://api.example.com' })]
   * ```
   */
  trust(
    entry: Pick<TrustedIssuerOption, 'audience'> &
      Partial<Omit<TrustedIssuerOption, 'jwks' | 'jwksUri' | 'fetch'>> &
      Partial<Pick<TrustedIssuerOption, 'jwks' | 'jwksUri' | 'fetch'>>
  ): TrustedIssuerOption
  /**
   * Signs a token (RFC 9068). Every claim can be given; one that is `undefined` is left out.
   * @param header members of the header instead of `alg`, `kid` and `typ`
   */
  token(claims?: Readonly<Record<string, unknown>>, header?: Readonly<Record<string, unknown>>): Promise<string>
  /** Its public keys (RFC 7517 §5). */
  jwks(): Promise<JwkSet & { keys: JsonWebKeyOf[] }>
  /** Serves its discovery documents (OpenID Connect Discovery 1.0 §4, RFC 8414 §3) and its keys; 404 for the rest. */
  readonly fetch: (url: string | URL, init?: object) => Promise<Response>
}

type JsonWebKeyOf = NonNullable<TestKey['publicJwk']>

/** @param settings.now the clock of its tokens */
export function createTestIssuer(
  issuer: string,
  { algorithm, now }: { algorithm: string; now: () => number }
): TestIssuer {
  const { origin, pathname } = new URL(issuer)
  const base = issuer.replace(/\/$/, '')
  const jwksUri = `${base}/jwks`
  let audience: string | readonly string[] | undefined
  let type = 'at+jwt'
  let created: Promise<TestKey> | undefined
  const key = () => (created ??= createTestKey(algorithm))

  const jwks = async () => ({ keys: [(await key()).publicJwk!] })
  const metadata = {
    issuer,
    jwks_uri: jwksUri,
    authorization_endpoint: `${base}/authorize`,
    token_endpoint: `${base}/token`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [algorithm]
  }
  const documents: Readonly<Record<string, () => Promise<object>>> = {
    [`${base}/.well-known/openid-configuration`]: async () => metadata,
    [`${origin}/.well-known/oauth-authorization-server${pathname.replace(/\/$/, '')}`]: async () => metadata,
    [jwksUri]: jwks
  }
  async function fetch(url: string | URL): Promise<Response> {
    const document = documents[String(url)]
    return document === undefined ? new Response(null, { status: 404 }) : Response.json(await document())
  }

  return {
    issuer,
    jwksUri,
    trust({ jwks: _jwks, jwksUri: _jwksUri, ...entry }) {
      audience = entry.audience
      if (entry.type) type = [entry.type].flat()[0]!
      const { algorithms = [algorithm] } = entry
      if (!algorithms.includes(algorithm)) {
        throw new TypeError(
          `"algorithms" must include ${algorithm}, by which this issuer signs: received ${algorithms.join(', ')}. ` +
            `Choose with issuer(url, { algorithm: '${algorithms[0]}' })`
        )
      }
      return { ...entry, issuer, algorithms, fetch: async (url) => (await fetch(url)) as never }
    },
    async token(claims = {}, header = {}) {
      const { alg, kid, sign } = await key()
      const iat = Math.floor(now() / 1000)
      const defaults = { iss: issuer, sub: 'alice', client_id: 'test-client', jti: randomUUID(), iat, exp: iat + 600 }
      return sign({ alg, kid, typ: type, ...header }, { ...defaults, aud: audience, ...claims })
    },
    jwks,
    fetch
  }
}
