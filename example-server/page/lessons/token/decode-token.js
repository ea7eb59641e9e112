import { base64urlProblem, decodeBytes } from './base64url.js'
import { depthOf } from './json-text.js'

/**
 * @typedef {object} JsonPart
 * @property {string} raw as it is in the token
 * @property {string} text the JSON as its signer wrote it
 * @property {Record<string, unknown>} json
 */

/**
 * @typedef {object} DecodedToken
 * @property {string} token
 * @property {JsonPart} header
 * @property {JsonPart} payload
 * @property {{ raw: string, bytes: Uint8Array }} signature
 */

/** What is wrong with a text that should be a token. The message is for people. */
export class NotAToken extends Error {
  /** @override */
  name = 'NotAToken'
}

export const maxCharacters = 100_000
const maxDepth = 50

/**
 * Reads a token. Nothing is verified: reading needs no key. Around the token, spaces, line breaks, quotes and `Bearer`
 * may stand, as people copy them.
 * @param {string} given
 * @returns {DecodedToken}
 * @throws {NotAToken}
 */
export function decodeToken(given) {
  if (given.length > maxCharacters) {
    throw new NotAToken(
      `This text has ${given.length.toLocaleString('en')} characters. This page decodes up to ` +
        `${maxCharacters.toLocaleString('en')}; a token has to fit into a request header, of about 8,000.`
    )
  }
  const token = given
    .replace(/\s+/g, ' ')
    .replace(/^[ "']*(?:authorization: *)?(?:bearer )?[ "']*/i, '')
    .replace(/[ "',;]+$/, '')
    .replaceAll(' ', '')
  const parts = token.split('.')
  assertThreeParts(parts)
  const [header = '', payload = '', signature = ''] = parts
  const decoded = { header: decodeJson('header', header), payload: decodeJson('payload', payload) }
  return { token, ...decoded, signature: { raw: signature, bytes: decodePart('signature', signature) } }
}

/** @param {string[]} parts */
function assertThreeParts(parts) {
  if (parts.length === 3) return
  if (parts.length === 5) {
    throw new NotAToken(
      'This token has five parts: it is encrypted (JWE, RFC 7516). Only the holder of the key can read its payload. ' +
        `${describeEncryption(parts[0] ?? '')}`
    )
  }
  const expected = 'A signed token has three parts with a dot between them: header.payload.signature.'
  if (parts.length === 1) throw new NotAToken(`${expected} This text has no dot.`)
  const hint = parts.length === 2 ? ' Even a token without a signature ends with a second dot.' : ''
  throw new NotAToken(`${expected} This text has ${parts.length.toLocaleString('en')}.${hint}`)
}

/** @param {string} header of an encrypted token, which is not encrypted itself */
function describeEncryption(header) {
  try {
    const { alg, enc } = decodeJson('header', header).json
    return `Its header says: "alg": ${JSON.stringify(alg)}, "enc": ${JSON.stringify(enc)}.`
  } catch {
    return 'Its header cannot be read either.'
  }
}

/**
 * @param {'header' | 'payload'} name
 * @param {string} raw
 * @returns {JsonPart}
 */
function decodeJson(name, raw) {
  if (raw === '') throw new NotAToken(`The ${name} is empty.`)
  const text = decodeUtf8(name, decodePart(name, raw))
  return { raw, text, json: parseObject(name, text) }
}

/**
 * @param {'header' | 'payload'} name
 * @param {string} text
 * @returns {Record<string, unknown>}
 * @throws {NotAToken}
 */
export function parseObject(name, text) {
  const value = parse(name, text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new NotAToken(`The ${name} is JSON, but ${describe(value)} and not an object such as {"sub": "alice"}.`)
  }
  const depth = depthOf(text)
  if (depth <= maxDepth) return /** @type {Record<string, unknown>} */ (value)
  throw new NotAToken(`The ${name} is nested ${depth.toLocaleString('en')} levels deep. This page shows ${maxDepth}.`)
}

/**
 * @param {string} name
 * @param {string} raw
 */
function decodePart(name, raw) {
  const problem = base64urlProblem(raw)
  if (problem !== null) throw new NotAToken(`The ${name} is not base64url: ${problem}.`)
  return decodeBytes(raw)
}

/**
 * @param {string} name
 * @param {Uint8Array} bytes
 */
function decodeUtf8(name, bytes) {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new NotAToken(`The ${name} is base64url, but its bytes are not text (UTF-8).`)
  }
}

/**
 * @param {string} name
 * @param {string} text
 * @returns {unknown}
 */
function parse(name, text) {
  try {
    return JSON.parse(text)
  } catch (error) {
    const reason = shorten(error instanceof Error ? error.message : '', 120)
    throw new NotAToken(`The ${name} is not JSON (${reason}). It begins with: ${shorten(text, 40)}`)
  }
}

/** @param {unknown} value */
function describe(value) {
  return Array.isArray(value) ? 'a list' : value === null ? 'null' : `a ${typeof value}`
}

/**
 * @param {string} text
 * @param {number} length
 */
function shorten(text, length) {
  return text.length > length ? `${text.slice(0, length)}…` : text
}
