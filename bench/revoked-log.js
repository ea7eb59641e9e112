import { randomBytes } from 'node:crypto'

const lifeMs = 24 * 3600 * 1000

/** A store's `readRevocations` with as many revocations as are asked for, none of them kept here: nine sessions for each token. */
export function revokedLog(count) {
  let finish
  const loaded = new Promise((resolve) => {
    finish = resolve
  })

  async function readRevocations(cursor, limit) {
    const now = Date.now()
    const start = Number(cursor ?? 0)
    const end = Math.min(start + limit, count)
    // By then the page has been taken.
    if (end === count) setImmediate(finish)
    const entries = Array.from({ length: end - start }, (_, index) => revoked(start + index, now + lifeMs))
    return { entries, cursor: String(end), more: end < count, resumed: true, storeTime: now }
  }

  return { readRevocations, loaded }
}

function revoked(number, until) {
  const id = randomBytes(16).toString('base64url')
  return number % 10 === 0
    ? { kind: 'token', id: `https://api.example.com ${id}`, until }
    : { kind: 'session', id, until }
}
