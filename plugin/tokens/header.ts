import { refusal } from '../errors.ts'
import { isAlgorithm, type Algorithm } from './algorithms.ts'
import { flatCopy } from './flat-copy.ts'
import type { UnverifiedToken } from './unverified-token.ts'

/** Headers that change what is signed or how: nothing here understands them, so nothing accepts them. */
const refusedHeaders = ['crit', 'b64', 'zip', 'enc']
const maxKidLength = 256

/** What a header says about the key. `jku`, `jwk`, `x5u` and `x5c` are never looked at: a token cannot bring its key. */
export interface KeyHint {
  readonly alg: Algorithm
  readonly kid: string | undefined
}

/** @throws AuthError AUTH_INVALID_TOKEN */
export function readKeyHint({ alg, kid }: Readonly<Record<string, unknown>>): KeyHint {
  if (!isAlgorithm(alg)) throw refusal('AUTH_INVALID_TOKEN', 'alg is none that is spoken here')
  if (kid !== undefined && !(typeof kid === 'string' && kid !== '' && kid.length <= maxKidLength)) {
    throw refusal('AUTH_INVALID_TOKEN', 'kid is no string of 1 to 256 characters')
  }
  return { alg, kid }
}

/**
 * @param types the media types allowed, from {@link mediaTypes}; `null` allows any
 * @throws AuthError AUTH_INVALID_TOKEN
 */
export function checkHeader(header: Readonly<Record<string, unknown>>, types: ReadonlySet<string> | null): void {
  const { typ } = header
  if (types !== null && !(typeof typ === 'string' && types.has(mediaType(typ)))) {
    throw refusal('AUTH_INVALID_TOKEN', "typ is not an access token's")
  }
  const refused = refusedHeaders.find((name) => Object.hasOwn(header, name))
  if (refused) throw refusal('AUTH_INVALID_TOKEN', `${refused} is not understood`)
}

/** Nearly all tokens have the header of the active key, or of the one before. */
const rememberedHeaders = 4

/** A header that was read, and whether one like it has been found to be an access token's. */
export interface ReadHeader {
  readonly hint: KeyHint
  readonly header: Readonly<Record<string, unknown>>
  readonly isKnown: boolean
}

/** Reads headers, and remembers those of tokens that verified. */
export function createHeaders() {
  const known: { readonly text: string; readonly read: ReadHeader }[] = []

  return {
    /**
     * The header of a token; under one that is not known, the whole token must have the shape of one.
     * @throws AuthError AUTH_INVALID_TOKEN
     */
    read(token: UnverifiedToken): ReadHeader {
      const segment = token.split().header
      // Comparing a few texts is quicker than hashing one.
      for (const { text, read } of known) if (text === segment) return read
      const { header } = token.decode()
      return { hint: readKeyHint(header), header, isKnown: false }
    },

    /** Only for a good signature: who cannot sign cannot fill the memory either. */
    remember(token: UnverifiedToken, read: ReadHeader): void {
      if (read.isKnown) return
      known.unshift({ text: flatCopy(token.split().header), read: { ...read, isKnown: true } })
      known.length = Math.min(known.length, rememberedHeaders)
    }
  }
}

/** The option `type`: one, several, or `false` for any. */
export function mediaTypes(option: string | readonly string[] | false): ReadonlySet<string> | null {
  return option === false ? null : new Set([option].flat().map(mediaType))
}

/** RFC 7515 §4.1.9: media types compare without case, and `application/` may be left out. */
function mediaType(typ: string): string {
  return typ.toLowerCase().replace(/^application\//, '')
}
