import { whileBusy } from '../busy.js'
import { element } from '../element.js'
import { onUserChange } from '../session.js'
import { createGate } from './gate.js'
import { createOutcome } from './outcome.js'
import { drawSources } from './source-code.js'

/**
 * A button of a lesson.
 * @typedef {object} Action
 * @property {string} label
 * @property {string} [about] one sentence beside the button
 * @property {() => AsyncIterable<import('./outcome.js').Step>} run
 */

/**
 * What `draw()` of a lesson works with.
 * @typedef {object} Stage
 * @property {ReturnType<typeof createOutcome>} outcome
 * @property {(action: Action) => HTMLElement} drawAction a row with a button that runs the action; the outcome appears
 * below the row
 * @property {() => void} finish marks the lesson as done, for one without actions
 * @property {(listener: (event: Event) => void) => void} onUserChange calls back when nothing of the former user may
 * stay
 */

/**
 * A lesson, in the order in which it is shown.
 * @typedef {object} Lesson
 * @property {string} id is its address: `#sign-in`
 * @property {string} title
 * @property {(string | Node)[]} what two sentences
 * @property {import('./gate.js').Need} [needs] default: nothing
 * @property {Action[]} [actions] its buttons
 * @property {(stage: Stage) => Node[]} [draw] what appears above the buttons, such as fields
 * @property {(string | Node)[]} why two sentences
 * @property {string[]} [code] names of server code, see `routes/page-sources.ts`
 */

/**
 * Draws the four parts of a lesson: what, do it, what happened, why.
 * @param {Lesson} lesson
 * @param {{ number: number, onDone: () => void, onOpen: () => void, next: Node[] }} place
 */
export function drawLesson({ id, title, what, needs = 'nothing', actions = [], draw, why, code = [] }, place) {
  const outcome = createOutcome()
  const sources = drawSources(code)
  const controls = /** @type {HTMLFieldSetElement} */ (
    element('fieldset', { class: 'controls', 'aria-label': `${title}: do it` })
  )

  let isFirst = true
  /** @param {Action} action */
  function drawAction({ label, about, run }) {
    const look = isFirst ? 'primary' : ''
    isFirst = false
    const button = element(
      'button',
      { type: 'button', class: look, click: () => whileBusy(button, () => start()) },
      label
    )
    const row = element(
      'div',
      { class: 'action' },
      button,
      ...(about ? [element('span', { class: 'hint' }, about)] : [])
    )
    const start = async () => {
      if (await outcome.run(run, row)) place.onDone()
    }
    return row
  }

  // Before the listeners of the lesson, which may show something about the new user.
  onUserChange(outcome.clear)
  controls.append(...(draw?.({ outcome, drawAction, onUserChange, finish: place.onDone }) ?? []))
  controls.append(...actions.map(drawAction))

  const details = /** @type {HTMLDetailsElement} */ (
    element(
      'details',
      { class: 'card lesson', id, name: 'lesson' },
      element('summary', {}, element('h2', {}, element('span', { class: 'number' }, String(place.number)), title)),
      element('p', { class: 'part what' }, ...what),
      element(
        'section',
        { class: 'part', 'aria-label': 'Do it' },
        element('h3', {}, 'Do it'),
        createGate(needs, controls),
        controls,
        outcome.element
      ),
      element(
        'section',
        { class: 'part', 'aria-label': 'Why' },
        element('h3', {}, 'Why'),
        element('p', {}, ...why),
        sources.element
      ),
      element('p', { class: 'next' }, ...place.next)
    )
  )
  details.addEventListener('toggle', () => {
    if (!details.open) return
    sources.load()
    place.onOpen()
  })
  return details
}
