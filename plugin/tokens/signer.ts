import fastify from 'fastify'
import jwt from '@fastify/jwt'
import { base64urlLength, signatureBytes } from './encoded-length.ts'
import type { Key } from './key.ts'

/** One key at work: signs claims into a compact JWS, and checks signatures. */
export interface Signer {
  readonly key: Key
  sign(claims: Record<string, unknown>): string
  /**
   * The exact length of the token that {@link sign} would return, without signing. The claims must contain `iat`, which
   * the library would add otherwise.
   */
  encodedLength(claims: Readonly<Record<string, unknown>>): number
  /** The claims, if the signature is good; `null` otherwise. Says nothing of what they are, and never throws. */
  verify(token: string): Record<string, unknown> | null
}

/**
 * `@fastify/jwt` on a Fastify instance of its own, which never listens: the application's instance, where it may be
 * registered too, is not touched, and a key can come and go while the application runs.
 *
 * Its cache stays off (it can store failures as successes) and it judges no time: `claims.ts` does.
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
    // Its types do not know `typ`, which its signer takes.
    sign: { algorithm: key.alg, kid: key.kid, typ: type } as object,
    verify: { algorithms: [key.alg], ignoreExpiration: true, ignoreNotBefore: true, cache: false }
  })
  await instance.ready()
  const { sign, verify } = instance.jwt
  const lengthOf = (value: unknown) => base64urlLength(Buffer.byteLength(JSON.stringify(value)))
  // Two dots stand between the three segments.
  const overhead = lengthOf({ alg: key.alg, typ: type, kid: key.kid }) + base64urlLength(signatureBytes(key)) + 2
  return {
    key,
    sign: (claims) => sign(claims),
    encodedLength: (claims) => overhead + lengthOf(claims),
    verify(token) {
      // Nobody sees the library's error: a stack for it would cost more than the check.
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
