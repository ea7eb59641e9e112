/**
 * @typedef {object} Outcome
 * @property {Response} [response] absent if the server did not respond
 * @property {any} [body] parsed; absent if it is not JSON, such as the page of a proxy
 * @property {string | false} [code] of a refusal, if the server itself states it: a proxy may send 401 as well
 */

/**
 * Reads a response. Never rejects.
 * @param {any} sent a response, or a promise of it
 * @returns {Promise<Outcome>}
 */
export async function outcomeOf(sent) {
  /** @type {Outcome} */
  const outcome = {}
  try {
    const response = (outcome.response = await sent)
    const body = (outcome.body = await response.json())
    outcome.code = response.status === 401 && /^AUTH_/.test(body.code) && body.code
  } catch {}
  return outcome
}

/**
 * How long to wait before the next attempt: what the server asks for (RFC 9110 §10.2.3), else longer each time.
 * @param {Response | undefined} response if there was one
 * @param {number} failures how many attempts have failed in a row before
 */
export function retryAfterMs(response, failures) {
  const asked = /** @type {any} */ (response?.headers.get('retry-after'))
  const askedMs = +asked * 1000 || Date.parse(asked) - Date.now()
  // The browsers of many users do not come back in the same moment.
  return (askedMs > 0 ? askedMs : Math.min(200 * 2 ** failures, 3e4)) * (1 + Math.random() / 4)
}
