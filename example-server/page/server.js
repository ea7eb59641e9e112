import { receivedFrom } from './lessons/exchange.js'
import { auth } from './session.js'

/** Aborts when a response has taken too long to wait for it. */
export const tooLate = () => AbortSignal.timeout(10_000)

/**
 * @typedef {object} ApiRequest
 * @property {'GET' | 'POST' | 'PATCH' | 'DELETE'} method
 * @property {string} path
 * @property {object} [body]
 * @property {typeof fetch} [by] what sends it. Default: `auth.fetch`, which sends it in the session of the user
 */

/**
 * @typedef {object} ApiResponse
 * @property {number} status
 * @property {unknown} body `null` for 204
 * @property {string | null} retryAfter
 * @property {string | null} next the path of the next page of a list (RFC 8288)
 */

/**
 * The body of an error response.
 * @typedef {object} ErrorBody
 * @property {string} [code]
 * @property {string} message
 */

/** The server cannot respond at the moment. This does not mean that the user is signed out. */
export class Unavailable extends Error {
  constructor(message = 'The server does not respond: try again in a moment') {
    super(message)
  }
}

/**
 * Sends a request, and resolves to the response, even if it is a refusal.
 * @param {ApiRequest} request
 * @returns {Promise<ApiResponse>}
 * @throws {Unavailable} without a response, for 5xx, and for a body that is not JSON, such as the page of a proxy
 */
export async function send({ method, path, body, by = auth.fetch }) {
  const { response, text } = await fetchText(path, {
    by,
    method,
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    body: body === undefined ? null : JSON.stringify(body),
    signal: tooLate()
  })
  const { status, headers } = response
  const content = parse(text)
  if (status >= 500 || (content === null && status !== 204 && status !== 202)) throw new Unavailable(content?.message)
  announce({ sent: { method, path, body }, response, content })
  return {
    status,
    body: content,
    retryAfter: headers.get('retry-after'),
    next: /<([^>]+)>; rel="next"/.exec(headers.get('link') ?? '')?.[1] ?? null
  }
}

/**
 * Dispatches `responded` on the document, with the exchange as its `detail`: lessons show some of them.
 * @param {{ sent: { method: string, path: string, body: object | undefined }, response: Response, content: any }} parts
 */
function announce({ sent, response, content }) {
  /** @type {Record<string, string>} */
  const headers = sent.body === undefined ? {} : { 'Content-Type': 'application/json' }
  const detail = { sent: { ...sent, headers }, received: receivedFrom(response, content) }
  document.dispatchEvent(new CustomEvent('responded', { detail }))
}

/**
 * The body of a response that is a refusal.
 * @param {Pick<ApiResponse, 'body'>} response
 */
export function errorOf({ body }) {
  return /** @type {ErrorBody} */ (body)
}

/**
 * @param {string} path
 * @param {RequestInit & { by: typeof fetch }} options
 */
async function fetchText(path, { by, ...init }) {
  try {
    const response = await by(path, init)
    return { response, text: await response.text() }
  } catch (error) {
    throw isOfFormerUser(error) ? error : new Unavailable()
  }
}

/**
 * Whether a request failed because its user is not signed in any more: nobody waits for its response.
 * @param {unknown} error
 */
export function isOfFormerUser(error) {
  return error instanceof DOMException && error.name === 'AbortError'
}

/** @param {string} text */
function parse(text) {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
