import { element } from '../element.js'
import { demo, mainSession, openMainSession } from './demo.js'
import { exchange } from './exchange.js'
import { requestLessonToken } from './lesson-token.js'
import { Refused } from './outcome.js'
import { cryptoProblem } from './token/algorithms.js'
import { decodeToken } from './token/decode-token.js'
import { drawForged } from './token/draw-forged.js'
import { byAnotherKey, byPublicKey, changesOf, withoutAlgorithm, withTexts } from './token/forge.js'
import { createPartEditor } from './token/part-editor.js'
import { loadServerKey } from './token/server-keys.js'

/** @typedef {import('./token/decode-token.js').DecodedToken} DecodedToken */
/** @typedef {import('./token/draw-parts.js').Changes} Changes */
/** @typedef {Pick<import('./outcome.js').ShownStep, 'title' | 'meaning' | 'messages'>} About */

const byServer = 'Real: this server has signed the token.'
const admin = { roles: ['admin'] }

/** @type {import('./lesson.js').Lesson} */
export const forgeIt = {
  id: 'forge-it',
  title: 'Forge it',
  needs: 'password',
  what: [
    'Anyone who holds a token can change it. ',
    'Try to become an admin: each forgery is sent to the list of all users, which only admins may see.'
  ],
  draw,
  why: [
    'The server checks the signature before it believes a single claim, with its own key and the algorithm of that ' +
      'key: nothing in the token can choose another. Then it checks whom the token is for, and what it allows. ',
    'Its responses do not say which check failed, because an attacker would read that too; the precise reason is in ' +
      'the server’s log.'
  ],
  code: ['signed-claims', 'accepted-audience', 'scopes']
}

/** @param {import('./lesson.js').Stage} stage */
function draw({ drawAction, onUserChange }) {
  const editor = createPartEditor('payload', { onChange() {} })
  const field = element(
    'div',
    { class: 'tamper', hidden: true },
    element('p', { class: 'hint' }, 'Your payload with the role “admin”. Change what you like, and send it.'),
    editor.element
  )

  /** @param {DecodedToken} token */
  function fill({ payload }) {
    if (!field.hidden) return
    editor.fill({ ...payload.json, ...admin })
    field.hidden = false
  }

  /** @type {import('./lesson.js').Action['run']} */
  async function* tamper() {
    const original = await readMine()
    fill(original)
    if (!editor.isValid()) throw new Refused('First correct the JSON above')
    const token = withTexts(original, { payload: editor.text() })
    yield await forged(token, {
      changed: changesOf(original, decodeToken(token)),
      signature: 'Yours, unchanged: it was made over your real payload.',
      because: 'the signature does not match the changed payload',
      meaning: 'You can write anything into the payload. You cannot make the signature that would go with it.'
    })
  }

  function reset() {
    field.hidden = true
    editor.fill({})
  }

  onUserChange(reset)
  demo.addEventListener('changed', () => {
    const session = mainSession()
    if (session !== null) fill(decodeToken(session.access()))
  })
  reset()
  return [
    field,
    drawAction({ label: 'Change the payload', about: '"roles": ["admin"], with the old signature.', run: tamper }),
    ...actions.map(drawAction)
  ]
}

/** @type {import('./lesson.js').Action[]} */
const actions = [
  {
    label: 'Say “not signed”',
    about: '"alg": "none" is in the standard: a token without a signature.',
    async *run() {
      const original = await readMine()
      const none = withoutAlgorithm(original, admin)
      const about = {
        changed: { header: ['alg'], payload: ['roles'] },
        because: 'the token says that it is not signed, and this server accepts only signed ones'
      }
      yield await forged(none, {
        ...about,
        title: 'Without a signature',
        signature: 'None: the token ends with a dot.',
        meaning: 'Libraries have accepted this: they read the algorithm from the token, and so let the sender choose.'
      })
      yield await forged(none + original.signature.raw, {
        ...about,
        title: 'With the old signature behind it',
        signature: 'Yours, unchanged.'
      })
    }
  },
  {
    label: 'Sign with another key',
    about: 'A new key, made in this browser, under the id of the server’s key.',
    async *run() {
      assertCrypto()
      const original = await readMine()
      const token = await byAnotherKey(original, admin)
      yield await forged(token, {
        changed: changesOf(original, decodeToken(token)),
        signature: 'By a key that this browser made a moment ago.',
        because: 'the signature was made by another key than the server’s',
        meaning: 'The id of a key ("kid") is only a name. What counts is the key that the server has under it.'
      })
    }
  },
  {
    label: 'Sign with the public key',
    about: 'Everybody may know it. What if the server used it as a secret?',
    async *run() {
      assertCrypto()
      const original = await readMine()
      const publicKey = await loadServerKey(original)
      if (publicKey === null) throw new Refused('This server signs with a secret, so it has no public key to misuse')
      yield await forged(await byPublicKey(original, { claims: admin, publicKey }), {
        changed: { header: ['alg'], payload: ['roles'] },
        signature: 'HMAC, with the text of the server’s public key as the secret.',
        because: 'the token asks for HS256, and the key of this id signs only with ' + String(original.header.json.alg),
        meaning: 'This attack is called “algorithm confusion”. It works where the token chooses the algorithm.'
      })
    }
  },
  {
    label: 'Use a token for another API',
    about: 'Really signed by this server, for https://calendar.example.',
    async *run() {
      const { token, messages } = await requestLessonToken('other-audience')
      yield await forged(token, {
        changed: { header: [], payload: ['aud'] },
        path: '/me',
        messages,
        signature: byServer,
        because: 'the token is for another audience ("aud")',
        meaning: 'Otherwise each API that you use could take your token and use all your other APIs with it.'
      })
    }
  },
  {
    label: 'Do what it does not allow',
    about: 'A token that may read notes writes one.',
    async *run() {
      const { token, messages } = await requestLessonToken('read-only')
      const written = await exchange({ method: 'POST', path: '/notes', token, body: { text: 'I may not write this' } })
      yield {
        ...written,
        messages,
        ...(written.received.body?.code === 'AUTH_INSUFFICIENT_SCOPE' && {
          because: 'the token has the scope notes:read, and this needs notes:write'
        }),
        meaning:
          'The status is 403 and not 401: the server knows who you are, and a new sign-in would not help. A program ' +
          'that only shows notes should get only such a token.',
        nodes: [drawForged(token, { changed: { header: [], payload: ['scope'] }, signature: byServer })]
      }
    }
  }
]

async function readMine() {
  return decodeToken((await openMainSession()).access())
}

/**
 * Sends a token that must be refused, and explains the refusal.
 * @param {string} token
 * @param {{ changed: Changes, signature: string, because: string, path?: string } & About} about
 * @returns {Promise<import('./outcome.js').ShownStep>}
 */
async function forged(token, { changed, signature, because, path = '/admin/users', ...about }) {
  const sent = await exchange({ method: 'GET', path, token })
  return {
    ...sent,
    ...about,
    ...(sent.received.body?.code === 'AUTH_INVALID_TOKEN' && { because }),
    nodes: [drawForged(token, { changed, signature })]
  }
}

/** @throws {Refused} where the browser has no WebCrypto */
function assertCrypto() {
  const problem = cryptoProblem()
  if (problem !== null) throw new Refused(problem.replace(/\.$/, ''))
}
