const longestMs = 300_000

/**
 * How long to wait before the next attempt: what the server asks for (RFC 9110 §10.2.3), else longer each time.
 * @param {Headers | undefined} headers of the response, if there was one
 * @param {number} failures how many attempts have failed in a row
 */
export function retryAfterMs(headers, failures) {
  const text = headers?.get('retry-after')
  const date = Date.parse(text ?? '') - (Date.parse(headers?.get('date') ?? '') || Date.now())
  const asked = text && (+text >= 0 ? +text * 1000 : date)
  const pause = asked ? Math.max(asked, 500) : Math.min(250 * 2 ** failures, 30_000)
  // The tabs, and the browsers of many users, do not come back in the same moment.
  return Math.min(pause, longestMs) * (1 + Math.random() / 4)
}
