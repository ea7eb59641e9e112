import { createPublicKey } from 'node:crypto'

/** Options of `@fastify/jwt` that check what this plugin checks and it can check, with the same key. */
export function jwtOptions({ issuer, audience, secret, key, cache = false }) {
  const { alg } = key
  return {
    secret: alg === 'HS256' ? secret : { public: createPublicKey(key.key).export({ type: 'spki', format: 'pem' }) },
    verify: { algorithms: [alg], allowedIss: issuer, allowedAud: audience, requiredClaims: ['exp'], cache }
  }
}
