import { element } from '../element.js'
import { drawToken } from './jwt.js'

const longestPart = 20

/**
 * Sends a request as a program would, without this page's cookies: with a token in the header, or a body. Resolves to
 * what was sent and what came back.
 */
export async function exchange(method, path, { token, body } = {}) {
  const headers = {
    ...(token && { Authorization: `Bearer ${token}` }),
    ...(body && { 'Content-Type': 'application/json' })
  }
  const response = await fetch(path, { method, headers, body: body ? JSON.stringify(body) : null, credentials: 'omit' })
  return {
    sent: { method, path, headers, body },
    got: {
      status: response.status,
      statusText: response.statusText,
      challenge: response.headers.get('www-authenticate'),
      body: await response.json()
    }
  }
}

export function drawExchange({ title, sent, got, meaning }) {
  return element(
    'article',
    { class: 'exchange' },
    element('h3', {}, title),
    element('pre', { class: 'sent' }, ...drawRequest(sent)),
    element('pre', { class: 'got' }, ...drawAnswer(got)),
    element('p', {}, meaning)
  )
}

function drawRequest({ method, path, headers, body, note }) {
  return [
    element('strong', {}, `${method} ${path}`),
    ...Object.entries(headers).flatMap(([name, value]) => [`\n${name}: `, ...drawValue(value)]),
    ...(note ? ['\n', element('em', {}, note)] : []),
    ...(body
      ? ['\n\n', JSON.stringify(body, (_name, value) => (typeof value === 'string' ? shortenAll(value) : value))]
      : [])
  ]
}

function drawValue(value) {
  const [, token] = /^Bearer (.+)$/.exec(value) ?? []
  return token ? ['Bearer ', ...drawToken(token, shorten)] : [value]
}

function drawAnswer({ status, statusText, challenge, body }) {
  return [
    element('strong', { class: status < 400 ? 'granted' : 'refused' }, `${status} ${statusText}`),
    ...(challenge ? [`\nWWW-Authenticate: ${challenge}`] : []),
    '\n\n',
    JSON.stringify(body, (_name, value) => (typeof value === 'string' ? shortenAll(value) : value), 2)
  ]
}

/** Tokens only: their parts are long, and have no spaces. */
function shortenAll(text) {
  return /^[\w-]+(\.[\w-]+){2,3}$/.test(text) ? text.split('.').map(shorten).join('.') : text
}

function shorten(part) {
  return part.length > longestPart ? `${part.slice(0, 10)}…${part.slice(-5)}` : part
}
