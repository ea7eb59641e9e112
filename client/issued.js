import { Access, msOf } from './access.js'
import { sidOf } from './bearer.js'

/**
 * @typedef {object} Issued
 * @property {string} sid
 * @property {Access} access
 * @property {import('./bearer.js').Tokens} [tokens]
 */

/**
 * What the body of a sign-in or refresh route has issued; `undefined` if it is no such body.
 * @param {any} body
 * @param {{ isBearer: boolean, sid?: string | null | undefined }} expected with the session, if the tokens do not name it
 * @returns {Issued | undefined}
 */
export function issuedOf(body, { isBearer, sid }) {
  const { session_id: sessionId, access_token: access, refresh_token: refresh, expires_in: expiresIn } = body ?? {}
  const ms = msOf(expiresIn)
  if (isBearer && typeof access === 'string' && typeof refresh === 'string') {
    return restored({ sid: sidOf(access) ?? sid ?? String(Math.random()), access, refresh, ms, at: Date.now() })
  }
  return !isBearer && typeof sessionId === 'string' ? { sid: sessionId, access: new Access(ms) } : undefined
}

/**
 * What a storage has kept for a while.
 * @param {import('./bearer.js').Tokens} tokens
 * @returns {Issued}
 */
export function restored(tokens) {
  const ms = tokens.ms ?? Infinity
  const age = Date.now() - tokens.at
  // If the clock has been set back, nobody knows how old the token is.
  return { sid: tokens.sid, access: new Access(age < 0 ? 0 : ms - age, ms), tokens }
}
