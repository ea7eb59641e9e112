import { element } from '../element.js'

/** @typedef {'you' | 'thief'} Person */

/**
 * One column of the timeline: who presented which refresh token, and what came back.
 * @typedef {object} Moment
 * @property {Person[]} who
 * @property {string} chip is drawn in the row of each of them, for example "R1"
 * @property {string} text the same as a sentence, for screen readers and below the picture
 * @property {'good' | 'bad' | 'copy'} [tone]
 * @property {number} [bandSeconds] for how long after it the server takes a repeated token for a second tab
 */

/** @type {Record<Person, string>} */
const names = { you: 'You', thief: 'The thief' }
const people = /** @type {Person[]} */ (Object.keys(names))

/**
 * Two rows, you and the thief, and below them a bar that runs down while a repeated token counts as a second tab. To a
 * screen reader it is a list of sentences.
 */
export function createTimeline() {
  const list = element('ol', { class: 'moments' })
  const latest = element('p', { class: 'latest' }, 'Nobody has a refresh token yet.')
  const figure = element(
    'figure',
    { class: 'timeline', 'aria-label': 'Who had which refresh token', tabindex: '0' },
    element(
      'div',
      { class: 'people', 'aria-hidden': 'true' },
      ...people.map((person) => element('span', {}, names[person]))
    ),
    list
  )

  return {
    elements: [figure, latest],

    /** @param {Moment} moment */
    add(moment) {
      list.append(drawMoment(moment))
      latest.textContent = moment.text
      figure.scrollLeft = figure.scrollWidth
    },
    clear() {
      list.replaceChildren()
      latest.textContent = 'Nobody has a refresh token yet.'
    }
  }
}

/** @param {Moment} moment */
function drawMoment({ who, chip, text, tone, bandSeconds = 0 }) {
  const drawn = element(
    'li',
    { class: `moment${tone ? ` ${tone}` : ''}` },
    element('span', { class: 'visually-hidden' }, text),
    ...who.map((person) => element('span', { class: `chip of-${person}`, 'aria-hidden': 'true' }, chip)),
    ...(bandSeconds > 0 ? [element('span', { class: 'band', 'aria-hidden': 'true' }, `${bandSeconds} s`)] : [])
  )
  drawn.style.setProperty('--band', `${bandSeconds}s`)
  return drawn
}
