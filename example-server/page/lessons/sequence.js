import { element } from '../element.js'

/** @typedef {'browser' | 'server' | 'database'} Actor */

/**
 * An arrow from one actor to another, or a remark at one of them.
 * @typedef {object} Message
 * @property {Actor} from
 * @property {Actor} [to] none: a remark
 * @property {string} text
 * @property {'good' | 'bad' | 'idle'} [tone] `idle`: what did not happen, such as a query
 */

/** @type {Actor[]} */
const actors = ['browser', 'server', 'database']
/** @type {Record<Actor, string>} */
const names = { browser: 'Browser', server: 'Server', database: 'Database' }

/**
 * A sequence diagram: browser, server and database. Each message is drawn after the one before it. To a screen reader
 * it is a list of sentences.
 */
export function createSequence() {
  const list = element('ol', { class: 'messages' })
  const figure = element(
    'figure',
    { class: 'sequence', 'aria-label': 'What was sent between browser, server and database' },
    element(
      'div',
      { class: 'actors', 'aria-hidden': 'true' },
      ...actors.map((actor) => element('span', {}, names[actor]))
    ),
    list
  )

  return {
    element: figure,

    /** @param {Message[]} messages */
    add(messages) {
      messages.forEach((message, index) => {
        const row = drawMessage(message)
        row.style.setProperty('--step', String(index))
        list.append(row)
      })
    },
    clear() {
      list.replaceChildren()
    }
  }
}

/** @param {Message} message */
function drawMessage({ from, to, text, tone }) {
  const kind = to === undefined ? `at-${from}` : `${from}-to-${to}`
  const way = to === undefined ? `${names[from]}: ` : `${names[from]} to ${names[to]}: `
  return element(
    'li',
    { class: `arrow ${kind}${tone ? ` ${tone}` : ''}` },
    element('span', { class: 'visually-hidden' }, way),
    element('span', { class: 'label' }, text)
  )
}

/**
 * The messages of an exchange. The database has an arrow only if the server says that it was queried.
 * @param {import('./exchange.js').Exchange} exchange
 * @returns {Message[]}
 */
export function messagesOf({ sent, received: { status, statusText, timing } }) {
  return [
    { from: 'browser', to: 'server', text: `${sent.method} ${sent.path}` },
    ...(timing ? askedOf(timing, sent) : []),
    { from: 'server', to: 'browser', text: `${status} ${statusText}`, tone: status < 400 ? 'good' : 'bad' }
  ]
}

/**
 * @param {import('./exchange.js').Timing} timing
 * @param {import('./exchange.js').Sent} sent
 * @returns {Message[]}
 */
function askedOf({ queries, authMs }, { headers, hasCookies }) {
  /** @type {Message[]} */
  const checked =
    headers.Authorization || hasCookies ? [{ from: 'server', text: `checks the token: ${authMs} ms` }] : []
  if (queries === 0) return [...checked, { from: 'database', text: 'not asked', tone: 'idle' }]
  return [
    ...checked,
    { from: 'server', to: 'database', text: queries === 1 ? '1 query' : `${queries} queries` },
    { from: 'database', to: 'server', text: 'rows' }
  ]
}
