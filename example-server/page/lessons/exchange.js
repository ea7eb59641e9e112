import { element } from '../element.js'
import { drawToken } from './jwt.js'
import { verdictOf } from './verdict.js'

const maxPartLength = 20

/**
 * A request and its response, as they were sent.
 * @typedef {object} Exchange
 * @property {Sent} sent
 * @property {Received} received
 */

/**
 * @typedef {object} Sent
 * @property {string} method
 * @property {string} path
 * @property {Record<string, string>} headers
 * @property {object | undefined} [body]
 * @property {boolean} [hasCookies] whether the browser has added the access cookie
 * @property {string} [note] about what the browser added or left out
 */

/**
 * @typedef {object} Received
 * @property {number} status
 * @property {string} statusText
 * @property {string | null} challenge the header `WWW-Authenticate`
 * @property {any} body `null` without one
 * @property {string[]} [setCookies] names of the cookies that the response sets, where the page knows them
 * @property {Timing | null} [timing] what the server measured; `null` if it does not say
 */

/**
 * What the server measured for one request: its header `Server-Timing`.
 * @typedef {object} Timing
 * @property {number} queries of the database
 * @property {number} authMs until the caller was known
 */

/**
 * @typedef {object} DirectRequest
 * @property {string} method
 * @property {string} path
 * @property {string} [token] for the Authorization header
 * @property {object} [body]
 */

/**
 * Sends a request without this page's cookies, as a program would. Rejects if there is no response.
 * @param {DirectRequest} request
 * @returns {Promise<Exchange>}
 */
export async function exchange({ method, path, token, body }) {
  /** @type {Record<string, string>} */
  const headers = {
    ...(token && { Authorization: `Bearer ${token}` }),
    ...(body && { 'Content-Type': 'application/json' })
  }
  const response = await fetch(path, { method, headers, body: body ? JSON.stringify(body) : null, credentials: 'omit' })
  return { sent: { method, path, headers, body }, received: await readResponse(response) }
}

/**
 * @param {Response} response
 * @returns {Promise<Received>}
 */
export async function readResponse(response) {
  const text = await response.text()
  return receivedFrom(response, text === '' ? null : JSON.parse(text))
}

/**
 * @param {Response} response
 * @param {any} body
 * @returns {Received}
 */
export function receivedFrom({ status, statusText, headers }, body) {
  return {
    status,
    statusText,
    challenge: headers.get('www-authenticate'),
    body,
    timing: readTiming(headers.get('server-timing'))
  }
}

/** @param {string | null} header */
export function readTiming(header) {
  const [, authMs] = /\bauth;dur=([\d.]+)/.exec(header ?? '') ?? []
  const [, queries] = /\bdb;desc="(\d+)/.exec(header ?? '') ?? []
  return authMs === undefined || queries === undefined ? null : { authMs: Number(authMs), queries: Number(queries) }
}

/**
 * An exchange to show. `because` and `meaning` are sentences without and with a full stop;
 * `nodes` are shown before the request.
 * @typedef {Exchange & { title?: string, because?: string, meaning?: string, nodes?: Node[] }} ShownExchange
 */

/**
 * Draws the request and the response. One of several has a title, and its own verdict.
 * @param {ShownExchange} shown
 */
export function drawExchange(shown) {
  const { title, sent, received, meaning, nodes = [] } = shown
  const head = title ? [element('h4', {}, title), element('p', { class: 'verdict' }, ...drawVerdict(shown))] : []
  return element(
    'article',
    { class: 'exchange' },
    ...head,
    ...(meaning ? [element('p', { class: 'meaning' }, meaning)] : []),
    ...nodes,
    element(
      'div',
      { class: 'as-sent' },
      drawMessage('Request', drawRequest(sent)),
      drawMessage('Response', drawResponse(received))
    )
  )
}

/** @param {ShownExchange} shown */
export function drawVerdict(shown) {
  const { word, because } = verdictOf(shown)
  const tone = shown.received.status < 400 ? 'granted' : 'refused'
  return [element('strong', { class: tone }, word), ` ${because}`]
}

/**
 * @param {'Request' | 'Response'} title
 * @param {(Node | string)[]} content
 */
function drawMessage(title, content) {
  return element(
    'div',
    { class: 'message-text' },
    element('p', { class: 'message-title' }, title),
    element('pre', { tabindex: '0' }, ...content)
  )
}

/** @param {Sent} sent */
function drawRequest({ method, path, headers, body, note }) {
  return [
    element('strong', {}, `${method} ${path}`),
    ...Object.entries(headers).flatMap(([name, value]) => [`\n${name}: `, ...drawValue(value)]),
    ...(note ? ['\n', element('em', {}, note)] : []),
    ...(body ? ['\n\n', JSON.stringify(body, shortenTokens, 2)] : [])
  ]
}

/** @param {string} value */
function drawValue(value) {
  const [, token] = /^Bearer (.+)$/.exec(value) ?? []
  return token ? ['Bearer ', ...drawToken(token, shorten)] : [value]
}

/** @param {Received} received */
function drawResponse({ status, statusText, challenge, body, setCookies = [] }) {
  return [
    element('strong', { class: status < 400 ? 'granted' : 'refused' }, `${status} ${statusText}`),
    ...(challenge ? [`\nWWW-Authenticate: ${challenge}`] : []),
    ...setCookies.map((cookie) => `\nSet-Cookie: ${cookie}`),
    ...(body === null ? [] : ['\n\n', JSON.stringify(body, shortenTokens, 2)])
  ]
}

/**
 * A replacer of `JSON.stringify()` that shortens tokens, whose parts are long and contain no spaces.
 * @param {string} _name
 * @param {unknown} value
 */
function shortenTokens(_name, value) {
  if (typeof value !== 'string' || !/^[\w-]+(\.[\w-]*){2,3}$/.test(value)) return value
  return value.split('.').map(shorten).join('.')
}

/** @param {string} part */
function shorten(part) {
  return part.length > maxPartLength ? `${part.slice(0, 10)}…${part.slice(-5)}` : part
}
