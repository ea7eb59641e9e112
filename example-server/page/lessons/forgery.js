import { tooLate } from '../server.js'
import { auth } from '../session.js'
import { readTiming } from './exchange.js'

/** @typedef {import('./exchange.js').Exchange} Exchange */

/**
 * What the browser added to a request by itself, as the server saw it.
 * @typedef {object} Seen
 * @property {string} origin
 * @property {string} site
 * @property {boolean} hasCookie
 */

/**
 * @typedef {object} Forged
 * @property {Exchange} shown
 * @property {Seen | null} seen `null` if the server does not say
 */

/** The forms of `other-site.html`: where they go, and the text that the browser makes of their field. */
const forms = {
  'sign-in': { path: '/auth/login', body: '{"username":"mallory","password":"of mallory","transport":"cookie","=":0}' },
  note: { path: '/notes', body: '{"text":"Written by another site="}' }
}

/**
 * Lets a page of another origin (a sandboxed frame has an opaque one) post a form to the server. A page cannot read the
 * response of another site, but the form navigates its frame to the response, which has our origin and is readable
 * here.
 * @param {keyof typeof forms} form
 * @returns {Promise<Forged>}
 */
export async function forge(form) {
  // A frame does not report it.
  if (!navigator.onLine) throw new Error('offline')
  const frame = document.createElement('iframe')
  frame.hidden = true
  frame.title = 'Another site'
  frame.src = `/page/lessons/other-site.html?${form}`
  try {
    return await new Promise((resolve, reject) => {
      frame.addEventListener('load', () => {
        // While the frame shows the other site, its document is not accessible.
        const { contentDocument: response } = frame
        if (response === null) return
        try {
          resolve(readForged(form, response))
        } catch (error) {
          reject(error)
        }
      })
      tooLate().addEventListener('abort', reject)
      document.body.append(frame)
    })
  } finally {
    frame.remove()
  }
}

/**
 * Posts the note of the other site from this page, for comparison.
 * @returns {Promise<Forged>}
 */
export async function postFromHere() {
  const { path } = forms.note
  const body = { text: 'Written by this page' }
  const headers = { 'Content-Type': 'application/json' }
  const response = await auth.fetch(path, { method: 'POST', headers, body: JSON.stringify(body) })
  const timing = response.headers.get('server-timing')
  const seen = readSeen(timing)
  const received = {
    status: response.status,
    statusText: response.statusText,
    challenge: response.headers.get('www-authenticate'),
    body: await response.json(),
    timing: readTiming(timing)
  }
  return { seen, shown: { sent: { method: 'POST', path, headers: headersOf(seen, headers), body }, received } }
}

/**
 * @param {keyof typeof forms} form
 * @param {Document} response
 * @returns {Forged}
 */
function readForged(form, response) {
  const { path, body } = forms[form]
  const received = JSON.parse((response.querySelector('pre') ?? response.body).textContent ?? '')
  const timing = timingOf(response)
  const seen = readSeen(timing)
  return {
    seen,
    shown: {
      sent: {
        method: 'POST',
        path,
        headers: headersOf(seen, { 'Content-Type': 'text/plain' }),
        body: JSON.parse(body)
      },
      received: {
        status: received.statusCode,
        statusText: received.error,
        challenge: null,
        body: received,
        timing: readTiming(timing)
      }
    }
  }
}

/**
 * The header `Server-Timing` of a document.
 * @param {Document} document
 */
function timingOf({ defaultView }) {
  const [entry] = defaultView?.performance.getEntriesByType('navigation') ?? []
  const { serverTiming = [] } = /** @type {PerformanceNavigationTiming} */ (entry ?? {})
  return serverTiming
    .map(({ name, duration, description }) =>
      description === '' ? `${name};dur=${duration}` : `${name};desc="${description}"`
    )
    .join(', ')
}

/**
 * @param {string | null} timing
 * @returns {Seen | null}
 */
function readSeen(timing) {
  /** @param {string} name */
  const find = (name) => new RegExp(`(?:^|, )${name};desc="([^"]*)"`).exec(timing ?? '')?.[1]
  const [origin, site, cookie] = ['origin', 'sec-fetch-site', 'cookie'].map(find)
  if (origin === undefined || site === undefined || cookie === undefined) return null
  return { origin, site, hasCookie: cookie === 'sent' }
}

/**
 * @param {Seen | null} seen
 * @param {Record<string, string>} others
 * @returns {Record<string, string>}
 */
function headersOf(seen, others) {
  if (seen === null) return others
  return {
    Origin: seen.origin,
    'Sec-Fetch-Site': seen.site,
    Cookie: seen.hasCookie ? '(sent)' : '(not sent)',
    ...others
  }
}
