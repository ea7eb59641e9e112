import { AuthError, refusal } from '../errors.ts'
import { decodeBase64url, decodeObject, splitJws, type JsonObject, type Segments } from './jws.ts'
import type { Verifier } from './verifier.ts'

/** The JSON of a token. */
export interface DecodedJws {
  readonly header: JsonObject
  readonly payload: JsonObject
}

/** A token of which nothing has been verified yet. Each segment is decoded on first use, and only once. */
export class UnverifiedToken {
  readonly text: string
  #segments: Segments | undefined
  #header: JsonObject | undefined
  #payload: JsonObject | undefined
  /** `null` if it is malformed. */
  #signature: Buffer | null | undefined

  constructor(text: string) {
    this.text = text
  }

  /** @throws AuthError AUTH_INVALID_TOKEN */
  split(): Segments {
    return (this.#segments ??= splitJws(this.text))
  }

  /** @throws AuthError AUTH_INVALID_TOKEN */
  payload(): JsonObject {
    return (this.#payload ??= decodeObject(this.split().payload, 'payload'))
  }

  /**
   * Decodes all three segments, in their order.
   * @throws AuthError AUTH_INVALID_TOKEN
   */
  decode(): DecodedJws {
    const header = (this.#header ??= decodeObject(this.split().header, 'header'))
    const payload = this.payload()
    if (this.#decodeSignature() === null) {
      throw refusal('AUTH_INVALID_TOKEN', 'the signature is not canonical base64url')
    }
    return { header, payload }
  }

  /** The claim `iss`; `undefined` if the token cannot be decoded. */
  claimedIssuer(): unknown {
    try {
      return this.decode().payload.iss
    } catch (error) {
      if (error instanceof AuthError) return undefined
      throw error
    }
  }

  /**
   * Whether the key has signed this token. Says nothing about the payload, which may be malformed.
   * @throws AuthError AUTH_INVALID_TOKEN when the token does not have three segments
   */
  isSignedBy(verifier: Verifier): boolean {
    const signature = this.#decodeSignature()
    return signature !== null && verifier.verifies(this.split().input, signature)
  }

  #decodeSignature(): Buffer | null {
    if (this.#signature === undefined) this.#signature = decodeBase64url(this.split().signature)
    return this.#signature
  }
}
