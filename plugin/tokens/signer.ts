import fastify from 'fastify'
import jwt from '@fastify/jwt'
import { canonicalName, type Algorithm } from './algorithms.ts'
import { createEd25519Jws } from './ed25519-jws.ts'
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
  const algorithm = canonicalName(key.alg) as Exclude<Algorithm, 'Ed25519'>
  const ed25519 = algorithm === 'EdDSA' ? createEd25519Jws(key, { type }) : null
  const instance = fastify()
  await instance.register(jwt, {
    secret:
      key.secret ??
      ({ public: key.publicPem!, ...(key.privatePem ? { private: key.privatePem } : undefined) } as {
        public: string
        private: string
      }),
    // The types lack `typ`, which the signer accepts.
    sign: { algorithm, kid: key.kid, typ: type } as object,
    verify: { algorithms: [algorithm], ignoreExpiration: true, ignoreNotBefore: true, cache: false }
  })
  await instance.ready()
  // An application may have declared namespaces of its own `@fastify/jwt`, and what that signs.
  const { sign, verify } = instance.jwt as unknown as {
    sign(this: void, claims: Record<string, unknown>): string
    verify(this: void, token: string): Record<string, unknown>
  }
  const lengthOf = (value: unknown) => base64urlLength(Buffer.byteLength(JSON.stringify(value)))
  // Two dots separate the three segments.
  const overhead = lengthOf({ alg: key.alg, typ: type, kid: key.kid }) + base64urlLength(signatureBytes(key)) + 2
  return {
    key,
    sign: key.alg === 'Ed25519' ? ed25519!.sign : (claims) => sign(claims),
    encodedLength: (claims) => overhead + lengthOf(claims),
    verify(token) {
      // The library's error is dropped, and capturing its stack would cost more than the check.
      const limit = Error.stackTraceLimit
      Error.stackTraceLimit = 0
      try {
        return verify(token)
      } catch {
        return ed25519 === null ? null : ed25519.verify(token)
      } finally {
        Error.stackTraceLimit = limit
      }
    }
  }
}
