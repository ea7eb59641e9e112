/**
 * Why the server refused, by the `code` of the response.
 * @type {Partial<Record<string, string>>}
 */
const reasons = {
  AUTH_NO_TOKEN: 'the request has no access token',
  AUTH_INVALID_TOKEN: 'the token is not one that this server has signed for itself',
  AUTH_EXPIRED_TOKEN: 'the access token has expired',
  AUTH_REVOKED_TOKEN: 'the session of this token has ended',
  AUTH_REFRESH_SUPERSEDED: 'a newer refresh token was issued a moment ago',
  AUTH_REFRESH_REUSED: 'this refresh token was used before, so somebody has a copy of it',
  AUTH_CROSS_SITE: 'the request came from another site',
  LOGIN_FAILED: 'the username or the password is wrong'
}

/**
 * The verdict in words, for example "401, refused," and "because the access token has expired."
 * @param {Pick<import('./exchange.js').ShownExchange, 'received' | 'because'>} exchange
 */
export function verdictOf({ received: { status, body }, because }) {
  const isAccepted = status < 400
  const reason = because ?? reasons[body?.code] ?? (isAccepted ? undefined : lowerFirst(body?.message))
  return {
    word: `${status}, ${isAccepted ? 'accepted' : 'refused'}${reason === undefined ? '.' : ','}`,
    because: reason === undefined ? '' : `because ${reason}.`
  }
}

/** @param {string | undefined} message */
function lowerFirst(message) {
  return message && message[0]?.toLowerCase() + message.slice(1)
}
