import { element } from '../element.js'

/** @type {[what: string, text: string][]} */
const good = [
  ['No look-up', 'A server checks a token in well under a millisecond, without a database.'],
  ['Works across services', 'With the public key, every service can check a token. Only one can make it.'],
  ['Signed', 'Nobody can change a token, so it can say who you are and what you may do.']
]

/** What JWT is bad at, and what this plugin does about it. @type {[what: string, text: string, remedy: string][]} */
const bad = [
  [
    'Revocation',
    'A token is valid until it expires.',
    'Access tokens live for minutes, and each server knows in memory which sessions have ended.'
  ],
  [
    'Size',
    'A token goes along with every request.',
    'It contains few claims, and a sign-in whose token is too large for a cookie is refused.'
  ],
  [
    'Careless clients',
    'A token in local storage is there for every script.',
    'Browsers get httpOnly cookies with a check of the site. A stolen refresh token ends the session.'
  ]
]

/** What JWT is good and bad at, and three ways on. */
export function drawEnd() {
  const code = element('code', {})
  const lines = element('pre', { tabindex: '0', hidden: true }, code)
  loadLines(lines, code)
  return element(
    'section',
    { class: 'card end', id: 'end', 'aria-labelledby': 'end-title' },
    element('h2', { id: 'end-title', tabindex: '-1' }, 'What JWT is good at, and what hurts'),
    element(
      'div',
      { class: 'good-and-bad' },
      drawList(
        'Good at',
        good.map(([what, text]) => [what, text])
      ),
      drawList(
        'Bad at',
        bad.map(([what, text, remedy]) => [what, text, element('span', { class: 'remedy' }, `Here: ${remedy}`)])
      )
    ),
    element('h3', {}, 'Three ways on'),
    element(
      'ol',
      { class: 'ways' },
      element('li', {}, element('strong', {}, 'Use the plugin'), ' in a Fastify application of yours:', lines),
      element(
        'li',
        {},
        element('strong', {}, 'Start a product'),
        ' from this server, with accounts, sessions and tests: ',
        element('code', {}, 'npm run eject -- ../my-app')
      ),
      element(
        'li',
        {},
        element('strong', {}, 'Read on:'),
        ' the documentation is in the folder ',
        element('code', {}, 'docs/'),
        ' of the repository, and ',
        element('a', { href: '/docs' }, 'the API of this server'),
        ' can be tried in the browser.'
      )
    )
  )
}

/**
 * @param {string} title
 * @param {[what: string, text: string, ...more: Node[]][]} items
 */
function drawList(title, items) {
  return element(
    'section',
    {},
    element('h3', {}, title),
    element(
      'dl',
      {},
      ...items.flatMap(([what, text, ...more]) => [
        element('dt', {}, what),
        element('dd', {}, text, ...more.flatMap((node) => [' ', node]))
      ])
    )
  )
}

/**
 * The lines of a program that a test runs.
 * @param {HTMLElement} place
 * @param {HTMLElement} code
 */
async function loadLines(place, code) {
  const response = await fetch('/page/lessons/use-the-plugin.js').catch(() => null)
  if (!response?.ok) return
  code.textContent = (await response.text()).trimEnd()
  place.hidden = false
}
