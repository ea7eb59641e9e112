import { encodeJson, encodeText } from './base64url.js'
import { signByNewKey, signHs256 } from './sign.js'

/** @typedef {import('./decode-token.js').DecodedToken} DecodedToken */

/**
 * The token with other JSON texts, and its old signature.
 * @param {DecodedToken} decoded
 * @param {{ header?: string, payload?: string }} texts
 */
export function withTexts({ header, payload, signature }, texts) {
  const headerPart = texts.header === undefined ? header.raw : encodeText(texts.header)
  const payloadPart = texts.payload === undefined ? payload.raw : encodeText(texts.payload)
  return `${headerPart}.${payloadPart}.${signature.raw}`
}

/**
 * RFC 7519 §6: a token that says that it is not signed.
 * @param {DecodedToken} decoded
 * @param {Record<string, unknown>} claims these replace those of the same name
 */
export function withoutAlgorithm({ header, payload }, claims) {
  return `${encodeJson({ ...header.json, alg: 'none' })}.${encodeJson({ ...payload.json, ...claims })}.`
}

/**
 * The token with other claims, signed by a key that was made for this.
 * @param {DecodedToken} decoded
 * @param {Record<string, unknown>} claims
 */
export async function byAnotherKey({ header, payload }, claims) {
  return await signByNewKey(header.json, encodeJson({ ...payload.json, ...claims }))
}

/**
 * The token with other claims, signed by HMAC with the server's public key as the secret: a server that lets the token
 * choose the algorithm would use the same bytes to check it.
 * @param {DecodedToken} decoded
 * @param {{ claims: Record<string, unknown>, publicKey: object }} forgery
 */
export async function byPublicKey({ header, payload }, { claims, publicKey }) {
  const signed = `${encodeJson({ ...header.json, alg: 'HS256' })}.${encodeJson({ ...payload.json, ...claims })}`
  return `${signed}.${await signHs256(signed, JSON.stringify(publicKey))}`
}

/**
 * Which members differ in two tokens.
 * @param {DecodedToken} before
 * @param {DecodedToken} after
 * @returns {import('./draw-parts.js').Changes}
 */
export function changesOf(before, after) {
  return {
    header: changedNames(before.header.json, after.header.json),
    payload: changedNames(before.payload.json, after.payload.json)
  }
}

/**
 * The names that are new, changed or gone.
 * @param {Record<string, unknown>} before
 * @param {Record<string, unknown>} after
 */
function changedNames(before, after) {
  const names = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...names].filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]))
}
