import { whileBusy } from '../busy.js'
import { byId, element } from '../element.js'
import { errorOf, send, Unavailable } from '../server.js'
import { auth, onUserChange } from '../session.js'
import { attacks } from './attacks.js'
import { drawExchange } from './exchange.js'
import { readToken } from './jwt.js'
import { clearParts, drawParts } from './token-view.js'
import { createTokens } from './tokens.js'

const form = byId('token-form', HTMLFormElement)
const locked = byId('token-locked', HTMLElement)
const message = byId('token-message', HTMLElement)
const view = byId('token', HTMLElement)
const misuse = byId('attacks', HTMLElement)
const exchanges = byId('exchanges', HTMLElement)
const username = byId('token-username', HTMLInputElement)
const password = byId('token-password', HTMLInputElement)

/** Shows the parts of an access token, and lets people misuse it. */
export function showWorkshop() {
  let tokens = createTokens()
  /** The attack that is running. */
  let running = {}

  async function getToken() {
    const mine = tokens
    const response = await send({
      method: 'POST',
      path: '/auth/login',
      body: { username: username.value, password: password.value },
      // Not `auth.fetch`: also if the user signs out meanwhile, the page needs the tokens, to end their session.
      by: fetch
    })
    if (response.status === 200) mine.start(/** @type {import('./tokens.js').TokenBody} */ (response.body))
    // The user has signed out meanwhile.
    if (mine !== tokens) {
      endSession(mine)
      return ''
    }
    if (response.status !== 200) return `${errorOf(response).message}.`
    form.reset()
    draw()
    announceSession(String(readToken(tokens.access() ?? '').payload.sid))
    view.focus()
    return ''
  }

  function draw() {
    const access = tokens.access()
    const isSignedIn = Boolean(auth.user)
    locked.hidden = isSignedIn
    form.hidden = !isSignedIn || tokens.refreshTokens().length > 0
    view.hidden = misuse.hidden = access === null
    if (access !== null) drawParts(access)
    byId('visible-cookies', HTMLElement).textContent = JSON.stringify(document.cookie)
  }

  /**
   * Runs one attack at a time: starting another one stops the one that is running.
   * @param {import('./attacks.js').Attack['run']} attack
   */
  async function run(attack) {
    const mine = (running = {})
    const note = element('p', { class: 'note', role: 'status' })
    const left = element('p', { class: 'note', 'aria-hidden': 'true' })
    exchanges.replaceChildren(note, left)
    try {
      for await (const step of attack(tokens)) {
        if (running !== mine) return
        const text = 'note' in step ? step.note : ''
        if (note.textContent !== text) note.textContent = text
        left.textContent = 'note' in step && step.left ? `${step.left} s` : ''
        if ('sent' in step) note.before(drawExchange(step))
      }
    } catch {
      if (running === mine) note.textContent = 'The server does not respond: try again in a moment.'
      return
    }
    draw()
    if (tokens.refreshTokens().length === 0) announceSession(null)
  }

  function stop() {
    running = {}
    endSession(tokens)
    // A running attack keeps the old object.
    tokens = createTokens()
    form.reset()
    message.textContent = ''
    exchanges.replaceChildren()
    clearParts()
  }

  /**
   * Ends the session of tokens that the page is about to forget: nobody else has them, so nobody could end it later.
   * @param {import('./tokens.js').Tokens} tokens
   */
  function endSession({ refreshTokens }) {
    if (refreshTokens().length === 0) return
    fetch('/auth/logout', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ refresh_token: refreshTokens().at(-1) }),
      keepalive: true
    }).catch(() => {})
  }

  /** @param {string | null} sid of the workshop's session; `null` if it has ended */
  function announceSession(sid) {
    document.dispatchEvent(new CustomEvent('workshop-session', { detail: sid }))
  }

  async function submit() {
    message.textContent = ''
    try {
      message.textContent = await getToken()
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      message.textContent = `${error.message}.`
    }
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault()
    whileBusy(form, submit)
  })
  onUserChange(() => {
    stop()
    username.value = auth.user?.name ?? ''
    draw()
  })
  byId('attack-list', HTMLElement).replaceChildren(
    ...attacks.map(({ label, about, run: attack }) => {
      const button = element('button', { type: 'button', click: () => whileBusy(button, () => run(attack)) }, label)
      return element('li', {}, button, element('span', { class: 'hint' }, about))
    })
  )
}
