import { element } from '../element.js'
import { openMainSession } from './demo.js'
import { drawToken } from './jwt.js'
import { drawParts } from './token-view.js'

/** @type {import('./lesson.js').Lesson} */
export const whatYouGot = {
  id: 'what-you-got',
  title: 'What you got',
  needs: 'password',
  what: [
    'A token is three pieces of text: a header that says how it is signed, a payload that says who you are, and a ' +
      'signature. It is signed, not encrypted: anyone can read it, nobody can change it.'
  ],
  draw({ onUserChange }) {
    const text = element('p', { class: 'jwt', 'aria-label': 'The access token' })
    const parts = element('dl', { class: 'jwt-parts' })
    onUserChange(() => {
      text.replaceChildren()
      parts.replaceChildren()
    })
    async function show() {
      const token = (await openMainSession()).access()
      text.replaceChildren(...drawToken(token))
      parts.replaceChildren(...drawParts(token))
    }
    return [element('button', { type: 'button', click: show }, 'Get a token'), text, parts]
  },
  why: ['The server needs no table of tokens: what it has to know is in the token, and the signature protects it.']
}
