import { createHash, randomBytes } from 'node:crypto'

export const idleMs = 14 * 24 * 3600 * 1000
export const claims = { roles: ['editor'] }
export const issuer = 'https://api.example.com'
export const inserting = { issuers: [issuer], revoke: [], maxSessions: 100, lifetimeSeconds: 600 }
export const scope = 'notes:read notes:write'
export const device = 'Firefox on Linux'

/** An id that looks random and can be computed again. */
export function idOf(number) {
  return createHash('sha256').update(String(number)).digest().subarray(0, 16).toString('base64url')
}

/** The only session of a user. */
export function session(number) {
  return {
    id: idOf(number),
    issuer,
    sub: `user-${number}`,
    sessionKey: randomBytes(16).toString('base64url'),
    device,
    scope,
    claims,
    details: { authTime: 1_900_000_000 },
    accessLifetimeSeconds: 600,
    idleMs,
    idleLimitMs: null,
    absoluteMs: 90 * 24 * 3600 * 1000
  }
}

/** Rotates a session as a refresh does. */
export async function rotate(store, id, generation) {
  const { applied } = await store.rotate(id, {
    from: generation,
    to: generation + 1,
    minAgeMs: 0,
    idleMs,
    accessLifetimeSeconds: 600
  })
  if (!applied) throw new Error('The session was not rotated')
}
