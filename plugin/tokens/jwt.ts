import fastify from 'fastify'
import jwt from '@fastify/jwt'
import type { Key } from './key.ts'

/** One key at work: signs claims into a compact JWS, and checks signatures. */
export interface Jwt {
  readonly key: Key
  sign (claims: Record<string, unknown>): string
  /** Whether the signature is good. Says nothing of the claims, and never throws. */
  verifies (token: string): boolean
}

/**
 * `@fastify/jwt` on a Fastify instance of its own, which never listens: the application's instance, where it may be
 * registered too, is not touched, and a key can come and go while the application runs.
 *
 * Its cache stays off (it can store failures as successes) and it judges no time: `claims.ts` does.
 */
export async function createJwt (key: Key, type: string): Promise<Jwt> {
  const instance = fastify()
  await instance.register(jwt, {
    secret: key.secret ?? { public: key.publicPem!, ...(key.privatePem ? { private: key.privatePem } : undefined) } as { public: string, private: string },
    // Its types do not know `typ`, which its signer takes.
    sign: { algorithm: key.alg, kid: key.kid, typ: type } as object,
    verify: { algorithms: [key.alg], ignoreExpiration: true, ignoreNotBefore: true, cache: false }
  })
  await instance.ready()
  const { sign, verify } = instance.jwt
  return {
    key,
    sign: (claims) => sign(claims),
    verifies (token) {
      try {
        verify(token)
        return true
      } catch {
        return false
      }
    }
  }
}
