import { element } from '../element.js'
import { openMainSession } from './demo.js'
import { exchange } from './exchange.js'
import { createGate } from './gate.js'
import { Refused } from './outcome.js'
import { checkSignature } from './token/check-signature.js'
import { changeOneLetter } from './token/compare.js'
import { decodeToken } from './token/decode-token.js'
import { withTexts } from './token/forge.js'
import { isBySecret, keyOf } from './token/server-keys.js'
import { createHmacBench } from './token/hmac-bench.js'

/** @type {import('./lesson.js').Lesson} */
export const howItIsSigned = {
  id: 'how-it-is-signed',
  title: 'How it is signed',
  what: [
    'A signature is a number computed from the text and a key. ',
    'Change one letter of either, and another number results: so the receiver notices.'
  ],
  draw,
  why: [
    'With HS256, one secret both signs and checks: enough for one server, but every service that checks tokens could ' +
      'also make them. ',
    'With EdDSA there are two keys: the private one signs and never leaves this server, and the public one lets ' +
      'everybody check without being able to sign.'
  ],
  code: ['new-key']
}

/** @param {import('./lesson.js').Stage} stage */
function draw({ drawAction }) {
  const controls = /** @type {HTMLFieldSetElement} */ (
    element(
      'fieldset',
      { class: 'controls' },
      drawAction({
        label: 'Check my token',
        about: 'Fetches the public keys of this server, and checks your own token in this browser.',
        run: checkMine
      })
    )
  )
  return [
    createHmacBench(),
    element('h4', { class: 'subtitle' }, 'And this server?'),
    createGate('password', controls),
    controls
  ]
}

/** @type {import('./lesson.js').Action['run']} */
async function* checkMine() {
  const token = decodeToken((await openMainSession()).access())
  const { alg, kid } = token.header.json
  if (isBySecret(token.header.json)) {
    yield {
      note:
        `Your token says "alg": ${JSON.stringify(alg)}: this server signs with a secret, AUTH_SECRET, so it has no ` +
        'public key to fetch, and only it can check its tokens. With AUTH_KEYS or AUTH_KEYS_DIR it signs with EdDSA, ' +
        'as it does in development.'
    }
    return
  }
  const published = await exchange({ method: 'GET', path: '/.well-known/jwks.json' })
  const key = keyOf(token.header.json, published.received.body.keys ?? [])
  if (key === null) throw new Refused('The server does not publish its keys')
  const changed = decodeToken(withTexts(token, { payload: changeOneLetter(token.payload.text) }))
  const [real, forged] = [await checkSignature(token, key), await checkSignature(changed, key)]
  yield {
    ...published,
    because: 'public keys are for everybody',
    meaning:
      `Your token says "alg": ${JSON.stringify(alg)} and names the key "kid": ${JSON.stringify(kid)}. ` +
      'The page has found this key in the list below.',
    nodes: [
      element(
        'dl',
        { class: 'checks' },
        ...drawCheck('Your token', real),
        ...drawCheck('With one letter of the payload changed', forged)
      )
    ]
  }
}

/**
 * @param {string} label
 * @param {import('./token/check-signature.js').Check} check
 */
function drawCheck(label, { result, message }) {
  return [
    element('dt', {}, label),
    element('dd', { class: { matches: 'granted', differs: 'refused', unknown: '' }[result] }, message)
  ]
}
