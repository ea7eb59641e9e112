import { randomBytes } from 'node:crypto'

const lifetimeMs = 24 * 3600 * 1000

/**
 * Makes a `readRevocations()` of a store that has `count` random revocations, nine sessions for each token. It does not
 * keep them in memory.
 */
export function createRevocationLog(count) {
  let finish
  const loaded = new Promise((resolve) => {
    finish = resolve
  })

  async function readRevocations(cursor, limit) {
    const now = Date.now()
    const start = Number(cursor ?? 0)
    const end = Math.min(start + limit, count)
    // The plugin has recorded the last page by then.
    if (end === count) setImmediate(finish)
    const entries = Array.from({ length: end - start }, (_, index) => revocation(start + index, now + lifetimeMs))
    return { entries, cursor: String(end), more: end < count, resumed: true, storeTime: now }
  }

  return { readRevocations, loaded }
}

function revocation(number, until) {
  const id = randomBytes(16).toString('base64url')
  return number % 10 === 0
    ? { kind: 'token', id: `https://api.example.com ${id}`, until }
    : { kind: 'session', id, until }
}
