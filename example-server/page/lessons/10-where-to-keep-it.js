import { element } from '../element.js'
import { tooLate } from '../server.js'
import { drawChecklist } from './checklist.js'

const key = 'demo_token'
/** Looks like a token; the server refuses it. */
const demoToken = 'eyJhbGciOiJub25lIn0.eyJkZW1vIjp0cnVlfQ.c2lnbmVkLWJ5LW5vYm9keQ'

/** @typedef {AsyncGenerator<import('./outcome.js').Step, void>} Steps */
/** @typedef {Record<string, string>} Stored */
/** @typedef {{ localStorage: Stored, sessionStorage: Stored, 'document.cookie': string }} Found */

/** @type {import('./lesson.js').Lesson} */
export const whereToKeepIt = {
  id: 'where-to-keep-it',
  title: 'Where to keep a token',
  what: [
    'A page runs scripts of many authors: libraries, their libraries, advertisements. ',
    'Each of them can read local storage. None can read an httpOnly cookie.'
  ],
  draw: drawStorage,
  why: [
    'A script that reads a token can send it away, and use it anywhere until it expires. From a cookie that no ' +
      'script can read there is nothing to send away. It does not cure everything: a hostile script can still ' +
      'send requests from your page while the page is open.'
  ],
  code: ['dependency']
}

/** @param {import('./lesson.js').Stage} stage */
function drawStorage({ drawAction, onUserChange }) {
  onUserChange(removeDemoToken)
  addEventListener('pagehide', removeDemoToken)
  return [
    drawAction({
      label: 'Store a demo token',
      about: 'In local storage, as many tutorials do. The server would refuse it, and the next button removes it.',
      run: putDemoToken
    }),
    drawAction({
      label: 'Load a dependency',
      about: 'A script from somebody else looks around in this page.',
      run: loadDependency
    }),
    element('h4', { class: 'checklist-title' }, 'Checklist'),
    ...drawChecklist(onUserChange)
  ]
}

/** @returns {Steps} */
async function* putDemoToken() {
  localStorage.setItem(key, demoToken)
  yield {
    finding: 'Stored.',
    because: 'It stays there until something removes it, also when the browser is closed.',
    isGood: true,
    proof: [drawLines({ [`localStorage.${key}`]: demoToken })]
  }
}

/** @returns {Steps} */
async function* loadDependency() {
  const { localStorage: stored, sessionStorage: ofTab, 'document.cookie': cookies } = await runDependency()
  const { [key]: token } = stored
  removeDemoToken()
  const proof = [
    drawLines({
      localStorage: JSON.stringify(stored, null, 2),
      sessionStorage: JSON.stringify(ofTab, null, 2),
      'document.cookie': JSON.stringify(cookies)
    })
  ]
  const onCookies =
    cookies === '' ? 'The script finds no cookies: yours are httpOnly.' : 'The script also reads cookies.'
  yield token === undefined
    ? { finding: 'No token found.', because: `Local storage does not contain one. ${onCookies}`, isGood: true, proof }
    : { finding: 'Token found.', because: `It was in local storage. ${onCookies}`, isGood: false, proof }
}

/** @returns {Promise<Found>} */
async function runDependency() {
  const script = /** @type {HTMLScriptElement} */ (element('script', { src: '/page/lessons/dependency.js' }))
  try {
    return await new Promise((resolve, reject) => {
      document.addEventListener('dependency-found', (event) => resolve(/** @type {CustomEvent} */ (event).detail), {
        once: true
      })
      script.addEventListener('error', reject)
      tooLate().addEventListener('abort', reject)
      document.head.append(script)
    })
  } finally {
    script.remove()
  }
}

function removeDemoToken() {
  try {
    localStorage.removeItem(key)
  } catch {
    // The browser forbids storage: there is none.
  }
}

/** @param {Record<string, string>} lines what was read, by the name under which a script reads it */
function drawLines(lines) {
  return element(
    'div',
    { class: 'message-text' },
    element('pre', { tabindex: '0' }, ...Object.entries(lines).map(([name, value]) => `${name}: ${value}\n`))
  )
}
