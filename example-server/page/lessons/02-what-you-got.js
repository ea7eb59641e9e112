import { whileBusy } from '../busy.js'
import { element } from '../element.js'
import { demo, mainSession, openMainSession } from './demo.js'
import { exchange } from './exchange.js'
import { createGate } from './gate.js'
import { Refused } from './outcome.js'
import { createDebugger } from './token/debugger.js'
import { decodeToken } from './token/decode-token.js'
import { exampleSecret, exampleToken } from './token/example-token.js'
import { createPasteForm } from './token/paste-form.js'
import { createSignatureCheck } from './token/signature-check.js'

/** Where the shown token is from. @typedef {'example' | 'own' | 'pasted'} Origin */

/** @type {import('./lesson.js').Lesson} */
export const whatYouGot = {
  id: 'what-you-got',
  title: 'What you got',
  what: [
    'A token is three pieces of text: a header that says how it is signed, a payload that says who you are, and a ' +
      'signature. ',
    'It is signed, not encrypted: anyone can read it, nobody can change it.'
  ],
  draw,
  why: [
    'The server needs no table of tokens: what it has to know is in the token, and the signature protects it. ',
    'So put nothing into a token that its holder must not read, and keep it small: it goes along with every request.'
  ],
  code: ['token-claims']
}

/** @param {import('./lesson.js').Stage} stage */
function draw({ outcome, drawAction, onUserChange }) {
  /** @type {Origin} */
  let origin = 'example'
  const about = element('p', { class: 'shown-token' })
  const message = element('p', { class: 'message', role: 'alert' })
  const mine = element(
    'button',
    { type: 'button', class: 'primary', click: () => whileBusy(mine, showMine) },
    'Show my token'
  )
  const controls = /** @type {HTMLFieldSetElement} */ (element('fieldset', { class: 'controls' }, mine, message))
  const undo = element('button', { type: 'button', class: 'small', click: () => tokens.restore() }, 'Undo the changes')
  const edited = element('p', { class: 'edited', role: 'status' })
  const sending = drawAction({ label: 'Send it', about: 'GET /me with this token, as it is above.', run: send })
  const tokens = createDebugger({ onChange: describe })
  const check = createSignatureCheck({ read: tokens.token })
  const paste = createPasteForm({
    onToken(token) {
      origin = 'pasted'
      outcome.clear()
      tokens.show(token)
    }
  })

  function describe() {
    about.textContent = descriptions[origin]
    mine.hidden = origin === 'own'
    sending.hidden = origin !== 'own'
    undo.hidden = !tokens.isEdited()
    edited.textContent = tokens.isEdited()
      ? 'Changed. The signature is still the old one, so it no longer belongs to this text.'
      : ''
    check.check()
  }

  async function showMine() {
    message.textContent = ''
    try {
      const token = decodeToken((await openMainSession()).access())
      origin = 'own'
      paste.clear()
      tokens.show(token)
    } catch (error) {
      message.textContent = error instanceof Refused ? `${error.message}.` : 'The server does not respond.'
    }
  }

  async function* send() {
    if (!tokens.isValid()) throw new Refused('First correct the JSON above, or undo the changes')
    const isEdited = tokens.isEdited()
    const sent = await exchange({ method: 'GET', path: '/me', token: tokens.token().token })
    const isRefused = sent.received.status === 401
    const isAccepted = sent.received.status === 200
    yield {
      ...sent,
      ...(isEdited &&
        isRefused &&
        tokens.hasOldHeader() && { because: 'the signature does not match the changed text' }),
      ...(isAccepted && { because: 'the signature matches and the token has not expired' }),
      ...(isEdited && { meaning: 'More ways to forge a token are in lesson 5.' }),
      ...(isAccepted &&
        !isEdited && { meaning: 'The server has read these claims from the payload: it looked nothing up.' })
    }
  }

  function reset() {
    origin = 'example'
    message.textContent = ''
    paste.clear()
    check.clear()
    tokens.show(decodeToken(exampleToken))
  }

  onUserChange(reset)
  demo.addEventListener('changed', () => {
    if (origin === 'own' && mainSession() === null) reset()
  })
  reset()
  return [
    createGate('password', controls),
    controls,
    about,
    tokens.element,
    edited,
    undo,
    sending,
    check.element,
    paste.element
  ]
}

/** @type {Record<Origin, string>} */
const descriptions = {
  example: `An example, signed with the secret “${exampleSecret}”.`,
  own: 'Your own access token, from a second sign-in: this page cannot read your cookies. A reload forgets it.',
  pasted: 'The token that you pasted. It is not sent anywhere.'
}
