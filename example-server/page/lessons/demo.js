import { readToken } from './jwt.js'
import { exchange } from './exchange.js'
import { Refused } from './outcome.js'
import { auth, onUserChange } from '../session.js'

/**
 * The body of a sign-in or refresh with `transport: "bearer"`.
 * @typedef {object} TokenBody
 * @property {string} access_token
 * @property {string} refresh_token
 * @property {number} expires_in
 */

/**
 * A session that a lesson has opened. Its tokens exist only in this page's memory.
 * @typedef {ReturnType<typeof createSession>} DemoSession
 */

/** A token that is valid for less than this is renewed before a lesson uses it. */
const marginMs = 20_000

/**
 * The password that the user has typed on this page, so that a lesson can sign in "another device" by one click. It
 * is forgotten when the user changes. A product would forget it as soon as it is sent.
 * @type {string | null}
 */
let password = null
/** @type {DemoSession | null} */
let main = null
/** @type {Set<DemoSession>} */
const sessions = new Set()

/** Dispatches `changed` when the password becomes known or unknown, and when a session starts or ends. */
export const demo = new EventTarget()

export const knowsPassword = () => password !== null

/** @param {string} typed */
export function rememberPassword(typed) {
  password = typed
  announce()
}

/**
 * Opens the session of most lessons with a password that the user has typed again.
 * @param {string} typed
 * @throws {Refused} if it is wrong
 */
export async function enterPassword(typed) {
  // Announced by the sign-in, whose outcome is not known yet.
  password = typed
  try {
    await openMainSession()
  } catch (error) {
    password = null
    throw error
  }
  announce()
}

/** The session of most lessons, if there is one. */
export const mainSession = () => main

/**
 * Resolves to the session of most lessons, with an access token that is valid for a while. Opens it if necessary.
 * @throws {Refused} if the server refuses the sign-in
 */
export async function openMainSession() {
  if (main && main.validMs() < marginMs) await main.refresh()
  if (!main?.isOpen()) {
    main = (await openSession('Lessons')).session
    // Only now is it the main session.
    announce()
  }
  return main
}

/**
 * Signs in once more, without this page's cookies, as a program or another device would.
 * @param {string} label names it in the list of devices
 * @returns {Promise<{ session: DemoSession, shown: import('./exchange.js').Exchange }>}
 * @throws {Refused} if the server refuses the sign-in
 */
export async function openSession(label) {
  const body = { username: auth.user?.name, password, transport: 'bearer' }
  const { user } = auth
  const shown = await exchange({ method: 'POST', path: '/auth/login', body })
  const { status, body: received } = shown.received
  if (status === 401) {
    password = null
    announce()
  }
  if (status !== 200) throw new Refused(status === 401 ? 'The password is wrong' : received.message)
  const session = createSession(label, received)
  // The user has signed out meanwhile: nobody could end the session later.
  if (user?.sub !== auth.user?.sub) {
    await endOnServer(session)
    throw new Refused('You have signed out')
  }
  sessions.add(session)
  announce()
  // The password is never shown.
  return { session, shown: { ...shown, sent: { ...shown.sent, body: { ...body, password: '•••' } } } }
}

/**
 * @param {string} label
 * @param {TokenBody} first
 */
function createSession(label, first) {
  /** All refresh tokens, oldest first. @type {string[]} */
  const refreshTokens = []
  let { access_token: access } = first
  let until = 0
  let isOpen = true
  add(first)

  /** @param {TokenBody} body */
  function add({ access_token: token, refresh_token: refreshToken, expires_in: seconds }) {
    access = token
    until = Date.now() + seconds * 1000
    if (refreshTokens.at(-1) !== refreshToken) refreshTokens.push(refreshToken)
  }

  function end() {
    isOpen = false
    announce()
  }

  return {
    label,
    sid: String(readToken(access).payload.sid),
    /** The newest access token. */
    access: () => access,
    refreshTokens: () => /** @type {readonly string[]} */ (refreshTokens),
    /** For how long the newest access token is valid. */
    validMs: () => until - Date.now(),
    isOpen: () => isOpen,

    /** Sends the newest refresh token, or another one, and keeps the new tokens. */
    async refresh(token = refreshTokens.at(-1)) {
      const shown = await exchange({ method: 'POST', path: '/auth/refresh', body: { refresh_token: token } })
      if (shown.received.status === 200) add(shown.received.body)
      else if (shown.received.status === 401 && token === refreshTokens.at(-1)) end()
      announce()
      return shown
    },

    /** The server has ended the session. */
    end
  }
}

/** The label of each session that a lesson has open, by its id. */
export function sessionLabels() {
  return new Map([...sessions].filter((session) => session.isOpen()).map(({ sid, label }) => [sid, label]))
}

function announce() {
  demo.dispatchEvent(new Event('changed'))
}

/** @param {DemoSession} session */
async function endOnServer(session) {
  await fetch('/auth/logout', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ refresh_token: session.refreshTokens().at(-1) }),
    credentials: 'omit',
    keepalive: true
  }).catch(() => {})
}

/** Ends the sessions whose tokens the page is about to forget: nobody else has them, so nobody could end them later. */
function forget() {
  for (const session of sessions) if (session.isOpen()) endOnServer(session)
  sessions.clear()
  main = null
  password = null
  announce()
}

onUserChange(forget)
