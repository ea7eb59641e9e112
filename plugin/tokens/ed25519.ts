import type { KeyObject } from 'node:crypto'

/** The prime `p` and the constant `d` of edwards25519, RFC 8032 §5.1. */
const p = 2n ** 255n - 19n
const d = 37095705934669439343138083508754565189542113879843219016388785533085940283555n
/** The `y` of two of the four points of order 8; the other two have its negative. */
const orderEight = 2707385501144840649318225287225658788936804267575313519463743609750303402022n

const smallOrders = new Set([0n, 1n, p - 1n, orderEight, p - orderEight])

/**
 * Whether a public key is a canonically encoded point of the curve (RFC 8032 §5.1.3) and not of small order. OpenSSL
 * checks neither before it verifies, and anyone can forge signatures for a point of small order.
 */
export function isValidEd25519Key(publicKey: KeyObject): boolean {
  const bytes = Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url')
  const y = BigInt(`0x${bytes.reverse().toString('hex')}`) & (2n ** 255n - 1n)
  return y < p && !smallOrders.has(y) && isSquare(((y * y - 1n) * (d * y * y + 1n)) % p)
}

/** Euler's criterion, for any value but 0. */
function isSquare(value: bigint): boolean {
  let [result, base] = [1n, value]
  for (let exponent = (p - 1n) / 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * base) % p
    base = (base * base) % p
  }
  return result === 1n
}
