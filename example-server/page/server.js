const timeoutMs = 10_000
const defaultRetryMs = 2000

/**
 * @typedef {object} ApiRequest
 * @property {'GET' | 'POST' | 'DELETE'} method
 * @property {string} path
 * @property {object} [body]
 */

/**
 * @typedef {object} ApiResponse
 * @property {number} status
 * @property {unknown} body `null` for 204
 * @property {number} seconds the server's time in whole seconds since the epoch
 * @property {number} skewMs how far the server's clock is ahead of this machine's; 0 if the difference is negligible
 * @property {string | null} retryAfter
 */

/**
 * The body of an error response.
 * @typedef {object} ErrorBody
 * @property {string} [code]
 * @property {string} message
 */

/** The server cannot respond at the moment. This does not mean that the user is signed out. */
export class Unavailable extends Error {
  constructor(message = 'The server does not respond: try again in a moment', retryAfterMs = defaultRetryMs) {
    super(message)
    this.retryAfterMs = retryAfterMs
  }
}

/**
 * Sends a request with this page's cookies, and resolves to the response, even if it is a refusal.
 * @param {ApiRequest} request
 * @returns {Promise<ApiResponse>}
 * @throws {Unavailable} without a response, for 5xx, and for a body that is not JSON, such as the page of a proxy
 */
export async function send(request) {
  const { response, text } = await fetchText(request)
  const { status, headers } = response
  const body = parse(text)
  if (status >= 500 || (body === null && status !== 204)) throw new Unavailable(body?.message, retryMs(response))
  return { status, body, ...timesOf(response), retryAfter: headers.get('retry-after') }
}

/**
 * The body of a response that is a refusal.
 * @param {Pick<ApiResponse, 'body'>} response
 */
export function errorOf({ body }) {
  return /** @type {ErrorBody} */ (body)
}

/** @param {ApiRequest} request */
async function fetchText({ method, path, body }) {
  try {
    const response = await fetch(path, {
      method,
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs)
    })
    return { response, text: await response.text() }
  } catch {
    throw new Unavailable()
  }
}

/** @param {string} text */
function parse(text) {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** @param {Response} response */
function retryMs(response) {
  const seconds = Number(response.headers.get('retry-after'))
  return seconds > 0 ? seconds * 1000 : defaultRetryMs
}

/**
 * Differences up to 2 s are negligible: the header has whole seconds, and the response has been on its way.
 * @param {Response} response
 */
function timesOf(response) {
  const serverMs = Date.parse(response.headers.get('date') ?? '') || Date.now()
  const aheadMs = serverMs - Date.now()
  return { seconds: Math.floor(serverMs / 1000), skewMs: Math.abs(aheadMs) > 2000 ? aheadMs : 0 }
}
