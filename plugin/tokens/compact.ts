import { isUtf8 } from 'node:buffer'
import { refusal } from '../errors.ts'

/** RFC 7519 sets no limit; this one keeps every later step cheap. Bytes, as tokens are ASCII. */
export const maxTokenLength = 8192

/** A JWS in compact serialization (RFC 7515 §7.1), taken apart. Nothing in it has been verified yet. */
export interface Compact {
  readonly header: Readonly<Record<string, unknown>>
  readonly payload: Readonly<Record<string, unknown>>
}

/**
 * Takes a token apart strictly: three segments of canonical base64url (no padding, no foreign characters, no spare
 * bits), valid UTF-8, JSON objects.
 * @throws AuthError AUTH_INVALID_TOKEN
 */
export function parseCompact (token: string): Compact {
  if (token.length > maxTokenLength) throw refusal('AUTH_INVALID_TOKEN', 'the token is longer than 8 KiB')
  const first = token.indexOf('.')
  const second = token.indexOf('.', first + 1)
  if (first < 0 || second < 0 || token.includes('.', second + 1)) throw refusal('AUTH_INVALID_TOKEN', 'the token has not three segments')
  const header = parseObject(token.slice(0, first), 'header')
  const payload = parseObject(token.slice(first + 1, second), 'payload')
  if (decode(token.slice(second + 1)) === null) throw refusal('AUTH_INVALID_TOKEN', 'the signature is not canonical base64url')
  return { header, payload }
}

function parseObject (segment: string, name: string): Record<string, unknown> {
  const bytes = decode(segment)
  if (bytes === null) throw refusal('AUTH_INVALID_TOKEN', `the ${name} is not canonical base64url`)
  if (!isUtf8(bytes)) throw refusal('AUTH_INVALID_TOKEN', `the ${name} is not UTF-8`)
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    throw refusal('AUTH_INVALID_TOKEN', `the ${name} is not JSON`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refusal('AUTH_INVALID_TOKEN', `the ${name} is not an object`)
  return value as Record<string, unknown>
}

/** Node's decoder is lenient; what encodes back to the same text was canonical. */
function decode (segment: string): Buffer | null {
  const bytes = Buffer.from(segment, 'base64url')
  return bytes.toString('base64url') === segment ? bytes : null
}
