import { element } from '../../element.js'
import { cryptoProblem } from './algorithms.js'
import { encodeJson, encodeText } from './base64url.js'
import { changeOneLetter, compareCharacters } from './compare.js'
import { signHs256 } from './sign.js'

const header = encodeJson({ alg: 'HS256', typ: 'JWT' })
const firstPayload = '{"sub":"alice","roles":["reader"]}'
const firstSecret = 'correct horse battery staple'

/**
 * Makes an HMAC from a payload and a secret that the reader types, and checks it again after each change: the token
 * keeps the signature that it was signed with.
 */
export function createHmacBench() {
  const problem = cryptoProblem()
  if (problem !== null) return element('p', { class: 'message' }, problem)

  const payload = /** @type {HTMLTextAreaElement} */ (
    element('textarea', { id: 'hmac-payload', rows: '2', spellcheck: 'false', autocapitalize: 'none', input: check })
  )
  const secret = /** @type {HTMLInputElement} */ (
    element('input', {
      id: 'hmac-secret',
      autocomplete: 'off',
      spellcheck: 'false',
      autocapitalize: 'none',
      input: check
    })
  )
  const token = element('p', { class: 'jwt', 'aria-label': 'The token' })
  const computed = element('p', {
    class: 'jwt jwt-signature',
    'aria-label': 'The signature that the receiver computes'
  })
  const verdict = element('p', { class: 'verdict', role: 'status' })
  let signature = ''
  /** The check whose result is shown. */
  let latest = {}

  async function check() {
    const mine = (latest = {})
    const part = encodeText(payload.value)
    const expected = await signHs256(`${header}.${part}`, secret.value)
    if (mine !== latest) return
    if (signature === '') signature = expected
    const { pieces, count } = compareCharacters(expected, signature)
    token.replaceChildren(
      element('span', { class: 'jwt-header' }, header),
      '.',
      element('span', { class: 'jwt-payload' }, part),
      '.',
      element('span', { class: 'jwt-signature' }, signature)
    )
    computed.replaceChildren(
      ...pieces.map(({ character, differs }) => (differs ? element('mark', {}, character) : character))
    )
    verdict.replaceChildren(
      element('strong', { class: count === 0 ? 'granted' : 'refused' }, count === 0 ? 'Accepted,' : 'Refused,'),
      count === 0
        ? ' because both signatures are the same.'
        : ` because the signatures differ in ${count} of ${pieces.length} characters.`
    )
  }

  async function sign() {
    signature = ''
    await check()
  }

  /** @param {HTMLInputElement | HTMLTextAreaElement} field */
  function change(field) {
    field.value = changeOneLetter(field.value)
    return check()
  }

  function restore() {
    payload.value = firstPayload
    secret.value = firstSecret
    return sign()
  }

  restore()
  return element(
    'div',
    { class: 'hmac' },
    element('label', { for: 'hmac-payload' }, 'Payload'),
    payload,
    element('label', { for: 'hmac-secret' }, 'Secret'),
    secret,
    element(
      'div',
      { class: 'buttons' },
      element('button', { type: 'button', click: () => change(payload) }, 'Change a letter of the payload'),
      element('button', { type: 'button', click: () => change(secret) }, 'Change a letter of the secret'),
      element('button', { type: 'button', click: sign }, 'Sign again'),
      element('button', { type: 'button', click: restore }, 'Start over')
    ),
    element('h4', {}, 'The token, with the signature it was signed with'),
    token,
    element('h4', {}, 'What the receiver computes from header, payload and secret'),
    computed,
    verdict
  )
}
