import { element } from '../element.js'
import { accessToken, auth } from '../session.js'
import { demo, mainSession } from './demo.js'
import { readToken } from './jwt.js'
import { drawSources } from './source-code.js'

/**
 * A rule, where this server keeps it, and what that means for the reader's own token.
 * @typedef {object} Rule
 * @property {string} title
 * @property {string} text
 * @property {string[]} code names of server code, see `routes/page-sources.ts`
 * @property {() => string | null} measure `null` if there is nothing to measure yet
 */

/** @type {Rule[]} */
const rules = [
  {
    title: 'A strong secret.',
    text: 'Who knows it can sign any token. A short one is guessed offline from a single token.',
    code: ['strong-secret'],
    measure: () => ofToken(({ header }) => `Yours is signed with ${header.alg}.`)
  },
  {
    title: 'A short life.',
    text: 'A stolen access token works until it expires.',
    code: ['short-life'],
    measure: () => (auth.user ? `Yours lives for ${Math.round(accessToken().lifetimeMs / 1000)} seconds.` : null)
  },
  {
    title: 'httpOnly.',
    text: 'No script can read such a cookie.',
    code: ['http-only'],
    measure: () => `This page reads document.cookie: ${JSON.stringify(document.cookie)}.`
  },
  {
    title: 'https.',
    text: 'Without it, everybody on the way can copy the token.',
    code: ['https-only'],
    measure: () => `This page came over ${location.protocol.slice(0, -1)}${isLocal() ? ', from this machine' : ''}.`
  },
  {
    title: 'No secrets in the payload.',
    text: 'It is signed, not encrypted: everybody who has the token can read it.',
    code: ['token-claims'],
    measure: () => ofToken(({ payload }) => `Yours says: ${Object.keys(payload).join(', ')}.`)
  },
  {
    title: 'Small tokens.',
    text: 'They travel with every request, and browsers drop cookies of more than 4,096 bytes.',
    code: ['small-token'],
    measure: () => ofToken((_, token) => `Yours has ${token.length} bytes.`)
  }
]

/** @param {(onUserChange: () => void) => void} onUserChange */
export function drawChecklist(onUserChange) {
  const drawn = rules.map(drawRule)
  const hint = element('p', { class: 'hint' }, 'Look at your token in lesson 2: then this list also measures it.')

  function measure() {
    for (const rule of drawn) rule.measure()
    hint.hidden = mainSession() !== null
  }

  demo.addEventListener('changed', measure)
  onUserChange(measure)
  auth.addEventListener('signed-in', measure)
  measure()
  return [element('ul', { class: 'checklist' }, ...drawn.map((rule) => rule.element)), hint]
}

/** @param {Rule} rule */
function drawRule({ title, text, code, measure }) {
  const measured = element('p', { class: 'measured' })
  const sources = drawSources(code)
  const where = /** @type {HTMLDetailsElement} */ (
    element('details', { class: 'where' }, element('summary', {}, 'Where this server does it'), sources.element)
  )
  where.addEventListener('toggle', () => sources.load())
  return {
    element: element('li', {}, element('p', {}, element('strong', {}, title), ` ${text}`), measured, where),
    measure() {
      measured.textContent = measure() ?? ''
      measured.hidden = measured.textContent === ''
    }
  }
}

/**
 * Something about the newest token of the lessons, if there is one.
 * @param {(parts: ReturnType<typeof readToken>, token: string) => string} describe
 */
function ofToken(describe) {
  const token = mainSession()?.access()
  return token === undefined ? null : describe(readToken(token), token)
}

function isLocal() {
  return ['localhost', '127.0.0.1', '[::1]'].includes(location.hostname)
}
