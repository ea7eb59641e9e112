import { refusal } from '../errors.ts'
import { canonicalName, isAlgorithm, type Algorithm } from './algorithms.ts'
import { flatCopy } from './flat-copy.ts'
import type { UnverifiedToken } from './unverified-token.ts'

/** Header parameters that change what is signed or how. They are not supported, so a token with one is rejected. */
const unsupportedParameters = ['crit', 'b64', 'zip', 'enc']
const maxKidLength = 256

/** The key that a header names. `jku`, `jwk`, `x5u` and `x5c` are never read: a token must not supply its own key. */
export interface KeyHint {
  /** By its canonical name: see `canonicalName()`. */
  readonly alg: Algorithm
  readonly kid: string | undefined
}

/** @throws AuthError AUTH_INVALID_TOKEN */
export function readKeyHint({ alg, kid }: Readonly<Record<string, unknown>>): KeyHint {
  if (!isAlgorithm(alg)) throw refusal('AUTH_INVALID_TOKEN', 'alg is not supported')
  if (kid !== undefined && !(typeof kid === 'string' && kid !== '' && kid.length <= maxKidLength)) {
    throw refusal('AUTH_INVALID_TOKEN', 'kid must be a string of 1 to 256 characters')
  }
  return { alg: canonicalName(alg), kid }
}

/**
 * Checks everything in a header but `alg` and `kid`.
 * @param types the accepted media types, from {@link mediaTypes}; `null` accepts any
 * @throws AuthError AUTH_INVALID_TOKEN
 */
export function checkHeader(header: Readonly<Record<string, unknown>>, types: ReadonlySet<string> | null): void {
  const { typ } = header
  if (types !== null && !(typeof typ === 'string' && types.has(mediaType(typ)))) {
    throw refusal('AUTH_INVALID_TOKEN', 'typ is not an accepted type')
  }
  const unsupported = unsupportedParameters.find((name) => Object.hasOwn(header, name))
  if (unsupported) throw refusal('AUTH_INVALID_TOKEN', `the header parameter ${unsupported} is not supported`)
}

/** Nearly all tokens have the header of the active key or of the one before it. */
const rememberedHeaders = 4

/** A header that has been read. */
export interface ReadHeader {
  readonly hint: KeyHint
  readonly header: Readonly<Record<string, unknown>>
  /** Whether a token with exactly this header has been verified before. */
  readonly isKnown: boolean
}

/** Reads headers, and remembers those of verified tokens. */
export function createHeaders() {
  const known: { readonly text: string; readonly read: ReadHeader }[] = []

  return {
    /**
     * Reads the header of a token. If the header is not known, the whole token must be well-formed.
     * @throws AuthError AUTH_INVALID_TOKEN
     */
    read(token: UnverifiedToken): ReadHeader {
      const segment = token.split().header
      // Comparing a few strings is faster than hashing one.
      for (const { text, read } of known) if (text === segment) return read
      const { header } = token.decode()
      return { hint: readKeyHint(header), header, isKnown: false }
    },

    /** Must be called for a verified signature only: otherwise anyone could fill the memory. */
    remember(token: UnverifiedToken, read: ReadHeader): void {
      if (read.isKnown) return
      known.unshift({ text: flatCopy(token.split().header), read: { ...read, isKnown: true } })
      known.length = Math.min(known.length, rememberedHeaders)
    }
  }
}

/** The accepted media types by the option `type`: one, several, or `null` for any (`false`). */
export function mediaTypes(option: string | readonly string[] | false): ReadonlySet<string> | null {
  return option === false ? null : new Set([option].flat().map(mediaType))
}

/** RFC 7515 §4.1.9: media types are compared case-insensitively, and `application/` may be omitted. */
function mediaType(typ: string): string {
  return typ.toLowerCase().replace(/^application\//, '')
}
