import { createAuth } from '../../client/index.js'

/**
 * The claims of the access token.
 * @typedef {object} User
 * @property {string} sub
 * @property {string} sid
 * @property {string} name
 * @property {number} exp
 * @property {number} iat
 */

/**
 * The session of this browser, by cookie. It refreshes the access token, and keeps all tabs signed in and out together.
 * @type {import('../../client/index.js').Auth<User>}
 */
export const auth = createAuth({ refresh: '/auth/refresh', signOut: '/auth/logout', me: '/page/me', fetch: observe })

/** The access token's expiry by this machine's clock, and its lifetime, in ms. Scripts cannot read the token itself. */
let access = { until: 0, lifetimeMs: 0 }
export const accessToken = () => access

/** @type {typeof fetch} */
async function observe(input, init) {
  const response = await fetch(input, init)
  if (response.ok && new URL(response.url).pathname === '/page/me') {
    const user = await response.clone().json()
    if (user === null) return response
    const serverMs = Date.parse(response.headers.get('date') ?? '') || Date.now()
    access = { until: Date.now() + user.exp * 1000 - serverMs, lifetimeMs: (user.exp - user.iat) * 1000 }
  }
  return response
}

auth.addEventListener('refreshed', ({ detail: leftMs }) => {
  if (Number.isFinite(leftMs)) access = { ...access, until: Date.now() + leftMs }
})

/**
 * Calls back when another user is signed in, when nobody is, and when it is not known: the browser may keep the page
 * and show it again, to another person.
 * @param {(event: Event) => void} listener
 */
export function onUserChange(listener) {
  auth.addEventListener('signed-in', listener)
  auth.addEventListener('signed-out', listener)
}

/**
 * Whether the user has signed out, in any tab of this browser. Otherwise the server has ended the session.
 * @param {Event} event
 */
export function isSignOut(event) {
  return event instanceof CustomEvent && event.detail === 'sign-out'
}
