import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import { AuthError } from '../errors.ts'
import { decodeJws, splitJws } from './jws.ts'
import type { Key } from './key.ts'

/** Signs and verifies with the name `Ed25519` (RFC 9864 §2.2) in the header, which `fast-jwt` does not know. */
export interface Ed25519Jws {
  sign(claims: Readonly<Record<string, unknown>>): string
  /** The claims if the header says `Ed25519` and the signature is valid, else `null`. Never throws. */
  verify(token: string): Record<string, unknown> | null
}

/** @param options.type the `typ` of the tokens that are signed */
export function createEd25519Jws({ kid, publicPem, privatePem }: Key, { type }: { readonly type: string }): Ed25519Jws {
  const publicKey = createPublicKey(publicPem!)
  const privateKey = privatePem === null ? null : createPrivateKey(privatePem)
  const header = encode({ alg: 'Ed25519', typ: type, kid })

  return {
    sign(claims) {
      const input = `${header}.${encode(claims)}`
      return `${input}.${sign(null, Buffer.from(input), privateKey!).toString('base64url')}`
    },
    verify(token) {
      try {
        const segments = splitJws(token)
        const decoded = decodeJws(segments)
        const input = Buffer.from(`${segments.header}.${segments.payload}`)
        const isValid =
          decoded.header.alg === 'Ed25519' &&
          verify(null, input, publicKey, Buffer.from(segments.signature, 'base64url'))
        return isValid ? decoded.payload : null
      } catch (error) {
        if (error instanceof AuthError) return null
        throw error
      }
    }
  }
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
