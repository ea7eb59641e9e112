import { randomFillSync } from 'node:crypto'

const bytes = 16
/** Filled for many ids in one call: for each id, asking the operating system would cost as much as an HMAC. */
const pool = Buffer.alloc(256 * bytes)
let used = pool.length

/**
 * 128 random bits as 22 characters of base64url. For ids that are not secret: two clones of one process, made from a
 * snapshot of the machine, return the same ones for a while.
 */
export function randomId(): string {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  return pool.toString('base64url', used, (used += bytes))
}
