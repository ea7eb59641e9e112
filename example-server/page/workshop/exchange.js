import { element } from '../element.js'
import { drawToken } from './jwt.js'

const maxPartLength = 20

/**
 * A request and its response.
 * @typedef {object} Exchange
 * @property {{ method: string, path: string, headers: Record<string, string>, body?: object | undefined, note?: string
 * }} sent
 * @property {{ status: number, statusText: string, challenge: string | null, body: any }} received
 */

/**
 * @typedef {object} WorkshopRequest
 * @property {string} method
 * @property {string} path
 * @property {string} [token] for the Authorization header
 * @property {object} [body]
 */

/**
 * Sends a request without this page's cookies, as a program would.
 * @param {WorkshopRequest} request
 * @returns {Promise<Exchange>}
 */
export async function exchange({ method, path, token, body }) {
  /** @type {Record<string, string>} */
  const headers = {
    ...(token && { Authorization: `Bearer ${token}` }),
    ...(body && { 'Content-Type': 'application/json' })
  }
  const response = await fetch(path, { method, headers, body: body ? JSON.stringify(body) : null, credentials: 'omit' })
  return {
    sent: { method, path, headers, body },
    received: {
      status: response.status,
      statusText: response.statusText,
      challenge: response.headers.get('www-authenticate'),
      body: await response.json()
    }
  }
}

/** @param {Exchange & { title: string, meaning: string }} shown */
export function drawExchange({ title, sent, received, meaning }) {
  return element(
    'article',
    { class: 'exchange' },
    element('h3', {}, title),
    element('pre', { class: 'sent' }, ...drawRequest(sent)),
    element('pre', { class: 'received' }, ...drawResponse(received)),
    element('p', {}, meaning)
  )
}

/** @param {Exchange['sent']} sent */
function drawRequest({ method, path, headers, body, note }) {
  return [
    element('strong', {}, `${method} ${path}`),
    ...Object.entries(headers).flatMap(([name, value]) => [`\n${name}: `, ...drawValue(value)]),
    ...(note ? ['\n', element('em', {}, note)] : []),
    ...(body ? ['\n\n', JSON.stringify(body, shortenTokens)] : [])
  ]
}

/** @param {string} value */
function drawValue(value) {
  const [, token] = /^Bearer (.+)$/.exec(value) ?? []
  return token ? ['Bearer ', ...drawToken(token, shorten)] : [value]
}

/** @param {Exchange['received']} received */
function drawResponse({ status, statusText, challenge, body }) {
  return [
    element('strong', { class: status < 400 ? 'granted' : 'refused' }, `${status} ${statusText}`),
    ...(challenge ? [`\nWWW-Authenticate: ${challenge}`] : []),
    '\n\n',
    JSON.stringify(body, shortenTokens, 2)
  ]
}

/**
 * A replacer of `JSON.stringify()` that shortens tokens, whose parts are long and contain no spaces.
 * @param {string} _name
 * @param {unknown} value
 */
function shortenTokens(_name, value) {
  if (typeof value !== 'string' || !/^[\w-]+(\.[\w-]+){2,3}$/.test(value)) return value
  return value.split('.').map(shorten).join('.')
}

/** @param {string} part */
function shorten(part) {
  return part.length > maxPartLength ? `${part.slice(0, 10)}…${part.slice(-5)}` : part
}
