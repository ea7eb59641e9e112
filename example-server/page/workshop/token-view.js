import { element } from '../element.js'
import { drawToken, readToken } from './jwt.js'

const meanings = {
  alg: 'how it is signed',
  typ: 'what it is (RFC 9068)',
  kid: 'with which key',
  iss: 'who issued it',
  aud: 'for whom',
  sub: 'who it speaks for',
  sid: 'of which session',
  jti: 'its own name',
  iat: 'issued at',
  exp: 'expires at',
  scope: 'what it may do',
  name: 'the application’s own',
  roles: 'the application’s own'
}

export function clearParts() {
  for (const id of ['token-text', 'token-parts']) document.getElementById(id).replaceChildren()
}

/** Draws an access token: the text in three colours, and what each part says. */
export function drawParts(token) {
  const { header, payload } = readToken(token)
  const signature = token.split('.')[2]
  document.getElementById('token-text').replaceChildren(...drawToken(token))
  document
    .getElementById('token-parts')
    .replaceChildren(
      drawPart('header', 'Header', [drawMembers(header)]),
      drawPart('payload', 'Payload', [
        drawMembers(payload),
        element('p', { class: 'hint' }, 'Signed, not encrypted: whoever holds a token can read it.')
      ]),
      drawPart('signature', 'Signature', [
        element(
          'p',
          {},
          `${Math.floor((signature.length * 3) / 4)} bytes over the other two. Only the server’s key makes them: one character changed before it, and it fits no more.`
        )
      ])
    )
}

function drawPart(name, title, content) {
  return element(
    'div',
    { class: `part part-${name}` },
    element('dt', { class: `jwt-${name}` }, title),
    element('dd', {}, ...content)
  )
}

function drawMembers(members) {
  return element(
    'ul',
    { class: 'members' },
    ...Object.entries(members).map(([name, value]) =>
      element(
        'li',
        {},
        element('code', {}, `"${name}": ${JSON.stringify(value)}`),
        ' ',
        element(
          'span',
          { class: 'meaning' },
          isTime(name) ? `${meanings[name]} ${new Date(value * 1000).toLocaleTimeString()}` : (meanings[name] ?? '')
        )
      )
    )
  )
}

function isTime(name) {
  return name === 'iat' || name === 'exp'
}
