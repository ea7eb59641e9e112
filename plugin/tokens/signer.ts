import { createPrivateKey, sign } from 'node:crypto'
import fastify from 'fastify'
import { base64urlLength, signatureBytes } from './encoded-length.ts'
import type { Key } from './key.ts'

/** The key that signs: turns claims into a compact JWS. */
export interface Signer {
  readonly key: Key
  /**
   * Loads what the key signs with, if it has not been loaded. Without it, an application that only verifies starts in
   * two thirds of the time.
   * @throws Error if it cannot be loaded
   */
  load(): Promise<void> | undefined
  /** Signs these claims. Only after {@link load}. */
  sign(claims: Record<string, unknown>): string
  /**
   * The exact length of the token that {@link sign} would return, without signing. The claims must contain `iat`,
   * because the library adds it otherwise.
   */
  encodedLength(claims: Readonly<Record<string, unknown>>): number
}

type Sign = Signer['sign']

/** @param type the `typ` of the tokens that are signed */
export function createSigner(key: Key, type: string): Signer {
  const lengthOf = (value: unknown) => base64urlLength(Buffer.byteLength(JSON.stringify(value)))
  // Two dots separate the three segments.
  const overhead = lengthOf({ alg: key.alg, typ: type, kid: key.kid }) + base64urlLength(signatureBytes(key)) + 2
  let sign = key.alg === 'Ed25519' ? signEd25519(key, type) : null
  let loading: Promise<void> | undefined

  async function load(): Promise<void> {
    try {
      sign = await signByLibrary(key, type)
    } catch (cause) {
      // The next token tries again.
      loading = undefined
      throw new Error('@fastify/jwt, which signs access tokens, cannot be loaded', { cause })
    }
  }

  return {
    key,
    load: () => (sign === null ? (loading ??= load()) : undefined),
    sign: (claims) => sign!(claims),
    encodedLength: (claims) => overhead + lengthOf(claims)
  }
}

/**
 * Registers `@fastify/jwt` on a Fastify instance of its own that never listens. So it does not clash with a
 * registration by the application, and keys can be added and removed while the application runs.
 */
async function signByLibrary({ kid, alg, secret, privatePem, publicPem }: Key, type: string): Promise<Sign> {
  const { default: jwt } = await import('@fastify/jwt')
  const instance = fastify()
  await instance.register(jwt, {
    secret: secret ?? { private: privatePem!, public: publicPem! },
    // The types lack `typ`, which the signer accepts.
    sign: { algorithm: alg, kid, typ: type } as object
  })
  // An application may have declared namespaces of its own `@fastify/jwt`, and what that signs.
  const library = instance.jwt as unknown as { sign(this: void, claims: Record<string, unknown>): string }
  return (claims) => library.sign(claims)
}

/** Signs with the name `Ed25519` (RFC 9864 §2.2) in the header, which the library does not know. */
function signEd25519({ kid, privatePem }: Key, type: string): Sign {
  const key = createPrivateKey(privatePem!)
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const header = encode({ alg: 'Ed25519', typ: type, kid })
  return function sign25519(claims) {
    const input = `${header}.${encode(claims)}`
    return `${input}.${sign(null, Buffer.from(input), key).toString('base64url')}`
  }
}
