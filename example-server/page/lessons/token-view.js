import { element } from '../element.js'
import { readToken } from './jwt.js'

/** @type {Partial<Record<string, string>>} */
const meanings = {
  alg: 'the algorithm of the signature',
  typ: 'the type of the token (RFC 9068)',
  kid: 'the id of the key',
  iss: 'the issuer',
  aud: 'the API that may accept it',
  sub: 'the id of the user',
  sid: 'the id of the session',
  jti: 'the id of the token',
  iat: 'issued at',
  exp: 'expires at',
  scope: 'what it allows',
  name: 'a claim of this application',
  roles: 'a claim of this application'
}

/**
 * Draws the content of each part of an access token.
 * @param {string} token
 */
export function drawParts(token) {
  const { header, payload } = readToken(token)
  const [, , signature = ''] = token.split('.')
  const bytes = Math.floor((signature.length * 3) / 4)
  return [
    drawPart('Header', drawMembers(header)),
    drawPart(
      'Payload',
      drawMembers(payload),
      element('p', { class: 'hint' }, 'Signed, not encrypted: everyone who has the token can read it.')
    ),
    drawPart(
      'Signature',
      element(
        'p',
        {},
        `${bytes} bytes over the other two parts. Only the server’s key can make it; if one character of them ` +
          'changes, it no longer matches.'
      )
    )
  ]
}

/**
 * @param {'Header' | 'Payload' | 'Signature'} title
 * @param {HTMLElement[]} content
 */
function drawPart(title, ...content) {
  const name = title.toLowerCase()
  return element(
    'div',
    { class: `part part-${name}` },
    element('dt', { class: `jwt-${name}` }, title),
    element('dd', {}, ...content)
  )
}

/** @param {Record<string, unknown>} members */
function drawMembers(members) {
  return element('ul', { class: 'members' }, ...Object.entries(members).map(drawMember))
}

/** @param {[string, unknown]} member */
function drawMember([name, value]) {
  return element(
    'li',
    {},
    element('code', {}, `"${name}": ${JSON.stringify(value)}`),
    ' ',
    element('span', { class: 'meaning' }, meaningOf(name, value))
  )
}

/**
 * @param {string} name
 * @param {unknown} value
 */
function meaningOf(name, value) {
  const meaning = meanings[name] ?? ''
  const isTime = name === 'iat' || name === 'exp'
  return isTime ? `${meaning} ${new Date(Number(value) * 1000).toLocaleTimeString()}` : meaning
}
