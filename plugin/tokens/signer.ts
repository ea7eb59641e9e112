import { createPrivateKey, sign } from 'node:crypto'
import fastify from 'fastify'
import jwt from '@fastify/jwt'
import { base64urlLength, signatureBytes } from './encoded-length.ts'
import type { Key } from './key.ts'

/** The key that signs: turns claims into a compact JWS. */
export interface Signer {
  readonly key: Key
  /** Signs these claims. */
  sign(claims: Record<string, unknown>): string
  /**
   * The exact length of the token that {@link sign} would return, without signing. The claims must contain `iat`,
   * because the library adds it otherwise.
   */
  encodedLength(claims: Readonly<Record<string, unknown>>): number
}

/** @param type the `typ` of the tokens that are signed */
export async function createSigner(key: Key, type: string): Promise<Signer> {
  const lengthOf = (value: unknown) => base64urlLength(Buffer.byteLength(JSON.stringify(value)))
  // Two dots separate the three segments.
  const overhead = lengthOf({ alg: key.alg, typ: type, kid: key.kid }) + base64urlLength(signatureBytes(key)) + 2
  return {
    key,
    sign: key.alg === 'Ed25519' ? signEd25519(key, type) : await signByLibrary(key, type),
    encodedLength: (claims) => overhead + lengthOf(claims)
  }
}

/**
 * Registers `@fastify/jwt` on a Fastify instance of its own that never listens. So it does not clash with a
 * registration by the application, and keys can be added and removed while the application runs.
 */
async function signByLibrary({ kid, alg, secret, privatePem, publicPem }: Key, type: string): Promise<Signer['sign']> {
  const instance = fastify()
  await instance.register(jwt, {
    secret: secret ?? { private: privatePem!, public: publicPem! },
    // The types lack `typ`, which the signer accepts.
    sign: { algorithm: alg, kid, typ: type } as object
  })
  await instance.ready()
  // An application may have declared namespaces of its own `@fastify/jwt`, and what that signs.
  const library = instance.jwt as unknown as { sign(this: void, claims: Record<string, unknown>): string }
  return (claims) => library.sign(claims)
}

/** Signs with the name `Ed25519` (RFC 9864 §2.2) in the header, which the library does not know. */
function signEd25519({ kid, privatePem }: Key, type: string): Signer['sign'] {
  const key = createPrivateKey(privatePem!)
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const header = encode({ alg: 'Ed25519', typ: type, kid })
  return function sign25519(claims) {
    const input = `${header}.${encode(claims)}`
    return `${input}.${sign(null, Buffer.from(input), key).toString('base64url')}`
  }
}
