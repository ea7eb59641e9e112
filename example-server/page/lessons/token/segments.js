import { membersOf } from './json-text.js'

/**
 * A stretch of the token's text.
 * @typedef {object} Segment
 * @property {string} text
 * @property {number | null} member which member of the JSON it encodes; `null`: brackets and commas between them
 */

/**
 * Splits the base64url text of a part so that each member of its JSON has a stretch of its own. Four characters encode
 * three bytes.
 * @param {{ raw: string, text: string }} part
 * @returns {Segment[]}
 */
export function segmentsOf({ raw, text }) {
  const encoder = new TextEncoder()
  /** @type {Segment[]} */
  const segments = []
  let [index, bytes, written] = [0, 0, 0]
  /** @param {number} to an index of the JSON text */
  const bytesUntil = (to) => {
    bytes += encoder.encode(text.slice(index, to)).length
    index = to
    return bytes
  }
  /**
   * @param {number} to an index of the token's text
   * @param {number | null} member
   */
  const add = (to, member) => {
    if (to > written) segments.push({ text: raw.slice(written, to), member })
    written = to
  }
  membersOf(text).forEach(({ start, end }, member) => {
    add(Math.floor((bytesUntil(start) * 4) / 3), null)
    add(Math.ceil((bytesUntil(end) * 4) / 3), member)
  })
  add(raw.length, null)
  return segments
}
