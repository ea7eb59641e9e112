import { decodeJws, splitJws, type DecodedJws, type Segments } from './jws.ts'

/** A token of which nothing has been verified yet. It is split and decoded on first use, and only once. */
export class UnverifiedToken {
  readonly text: string
  #segments: Segments | undefined
  #decoded: DecodedJws | undefined

  constructor(text: string) {
    this.text = text
  }

  /** @throws AuthError AUTH_INVALID_TOKEN */
  split(): Segments {
    return (this.#segments ??= splitJws(this.text))
  }

  /** @throws AuthError AUTH_INVALID_TOKEN */
  decode(): DecodedJws {
    return (this.#decoded ??= decodeJws(this.split()))
  }
}
