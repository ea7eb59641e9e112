import { element } from '../element.js'
import { ask, Unavailable } from '../server.js'
import { attacks } from './attacks.js'
import { drawExchange } from './exchange.js'
import { readToken } from './jwt.js'
import { clearParts, drawParts } from './token-view.js'
import { createTokens } from './tokens.js'

const byId = (id) => document.getElementById(id)
const [form, locked, message, view, misuse, exchanges] = [
  'token-form',
  'token-locked',
  'token-message',
  'token',
  'attacks',
  'exchanges'
].map(byId)
const passphrase = byId('token-passphrase')

/** Takes a token apart, and lets people misuse it. */
export function showWorkshop(session) {
  let tokens = createTokens()
  let running = null

  async function getToken() {
    const mine = tokens
    const { status, body } = await ask('POST', '/auth/login', {
      username: session.user().name,
      password: passphrase.value
    })
    if (status === 200) mine.start(body)
    // Whoever asked has gone.
    if (mine !== tokens) {
      endSession(mine)
      return ''
    }
    if (status !== 200) return `${body.message}.`
    form.reset()
    draw()
    session.dispatchEvent(new CustomEvent('device', { detail: readToken(tokens.access()).payload.sid }))
    view.focus()
    return ''
  }

  function draw() {
    const isSignedIn = Boolean(session.user())
    const hasToken = tokens.access() !== null
    locked.hidden = isSignedIn
    form.hidden = !isSignedIn || tokens.refreshTokens().length > 0
    view.hidden = misuse.hidden = !hasToken
    if (hasToken) drawParts(tokens.access())
    byId('visible-cookies').textContent = JSON.stringify(document.cookie)
  }

  /** One at a time: pressing another button ends a wait. */
  async function run(attack) {
    const mine = (running = {})
    const note = element('p', { class: 'note', role: 'status' })
    const left = element('p', { class: 'note', 'aria-hidden': true })
    exchanges.replaceChildren(note, left)
    try {
      for await (const step of attack(tokens)) {
        if (running !== mine) return
        if (note.textContent !== (step.note ?? '')) note.textContent = step.note ?? ''
        left.textContent = step.left ? `${step.left} s` : ''
        if (step.sent) note.before(drawExchange(step))
      }
    } catch {
      if (running === mine) note.textContent = 'The server does not answer: try again in a moment.'
      return
    }
    draw()
    if (tokens.refreshTokens().length === 0) session.dispatchEvent(new CustomEvent('device', { detail: null }))
  }

  function stop() {
    running = null
    endSession(tokens)
    // What is under way still has the former ones.
    tokens = createTokens()
    form.reset()
    message.textContent = ''
    exchanges.replaceChildren()
    clearParts()
  }

  /** Of tokens that are about to be forgotten: nobody else has them, so nobody could end it later. */
  function endSession({ refreshTokens }) {
    const body = JSON.stringify({ refresh_token: refreshTokens().at(-1) })
    if (refreshTokens().length === 0) return
    fetch('/auth/logout', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      keepalive: true
    }).catch(() => {})
  }

  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    message.textContent = ''
    try {
      message.textContent = await getToken()
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      message.textContent = `${error.message}.`
    }
  })
  session.addEventListener('change', () => {
    stop()
    byId('token-username').value = session.user()?.name ?? ''
    draw()
  })
  byId('attack-list').replaceChildren(
    ...attacks.map(({ label, about, run: attack }) =>
      element(
        'li',
        {},
        element('button', { type: 'button', click: () => run(attack) }, label),
        element('span', { class: 'hint' }, about)
      )
    )
  )
}
