import fastify from 'fastify'
import jwt from '@fastify/jwt'
import { base64urlLength, signatureBytes } from './encoded-length.ts'
import type { Key } from './key.ts'

/** A key at work: signs claims into a compact JWS, and verifies signatures. */
export interface Signer {
  readonly key: Key
  /** Signs these claims. */
  sign(claims: Record<string, unknown>): string
  /**
   * The exact length of the token that {@link sign} would return, without signing. The claims must contain `iat`,
   * because the library adds it otherwise.
   */
  encodedLength(claims: Readonly<Record<string, unknown>>): number
  /** The claims if the signature is valid, else `null`. Does not check the claims, and never throws. */
  verify(token: string): Record<string, unknown> | null
}

/**
 * Registers `@fastify/jwt` on a Fastify instance of its own that never listens. So it does not clash with a
 * registration by the application, and keys can be added and removed while the application runs.
 *
 * The library's cache is off, because it can store failures as successes. `claims.ts` checks all times.
 * @param type the `typ` of the tokens that are signed
 */
export async function createSigner(key: Key, type: string): Promise<Signer> {
  const instance = fastify()
  await instance.register(jwt, {
    secret:
      key.secret ??
      ({ public: key.publicPem!, ...(key.privatePem ? { private: key.privatePem } : undefined) } as {
        public: string
        private: string
      }),
    // The types lack `typ`, which the signer accepts.
    sign: { algorithm: key.alg, kid: key.kid, typ: type } as object,
    verify: { algorithms: [key.alg], ignoreExpiration: true, ignoreNotBefore: true, cache: false }
  })
  await instance.ready()
  const { sign, verify } = instance.jwt
  const lengthOf = (value: unknown) => base64urlLength(Buffer.byteLength(JSON.stringify(value)))
  // Two dots separate the three segments.
  const overhead = lengthOf({ alg: key.alg, typ: type, kid: key.kid }) + base64urlLength(signatureBytes(key)) + 2
  return {
    key,
    sign: (claims) => sign(claims),
    encodedLength: (claims) => overhead + lengthOf(claims),
    verify(token) {
      // The library's error is dropped, and capturing its stack would cost more than the check.
      const limit = Error.stackTraceLimit
      Error.stackTraceLimit = 0
      try {
        return verify<Record<string, unknown>>(token)
      } catch {
        return null
      } finally {
        Error.stackTraceLimit = limit
      }
    }
  }
}
