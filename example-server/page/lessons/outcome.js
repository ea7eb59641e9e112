import { element } from '../element.js'
import { drawExchange, drawVerdict } from './exchange.js'
import { createSequence, messagesOf } from './sequence.js'
import { verdictOf } from './verdict.js'

/**
 * What an action shows while it runs: an exchange, or a note while it waits (with the seconds that are `left`).
 * `messages`: more arrows for the picture, before those of the exchange; `picture`: instead of those of the exchange.
 * @typedef {{ note: string, left?: number }} Note
 * @typedef {import('./exchange.js').ShownExchange & { messages?: Message[], picture?: Message[] }} ShownStep
 * @typedef {import('./sequence.js').Message} Message
 * @typedef {Note | Finding | ShownStep} Step
 */

/**
 * What an action has found without a request: the verdict in a word and a sentence, and what proves it.
 * @typedef {{ finding: string, because: string, isGood: boolean, proof: Node[] }} Finding
 */

/** The part "what happened" of one lesson: picture, verdict, request and response of the last action. */
export function createOutcome() {
  const sequence = createSequence()
  const spoken = element('p', { class: 'visually-hidden', role: 'status' })
  const note = element('p', { class: 'note', role: 'status' })
  const left = element('p', { class: 'note', 'aria-hidden': 'true' })
  const verdict = element('p', { class: 'verdict' })
  const exchanges = element('div', { class: 'exchanges' })
  const section = element(
    'section',
    { class: 'part outcome', 'aria-label': 'What happened', hidden: true },
    element('h3', {}, 'What happened'),
    verdict,
    note,
    left,
    sequence.element,
    exchanges,
    spoken
  )
  /** The run whose steps are shown. */
  let running = {}

  function clear() {
    running = {}
    section.hidden = true
    sequence.clear()
    exchanges.replaceChildren()
    for (const line of [verdict, note, left, spoken]) line.textContent = ''
  }

  /** @param {Step} step */
  function show(step) {
    section.hidden = false
    const text = 'note' in step ? step.note : ''
    if (note.textContent !== text) note.textContent = text
    left.textContent = 'note' in step && step.left ? `${step.left} s` : ''
    sequence.element.hidden = 'finding' in step || ('note' in step && exchanges.childElementCount === 0)
    if ('note' in step) return reveal(note)
    if ('finding' in step) return showFinding(step)
    const { word, because } = verdictOf(step)
    spoken.textContent = `${step.title ? `${step.title}: ` : ''}${word} ${because}`
    verdict.replaceChildren(...drawVerdict(step))
    sequence.add([...(step.messages ?? []), ...(step.picture ?? messagesOf(step))])
    const article = drawExchange(step)
    exchanges.append(article)
    if (exchanges.childElementCount === 1) reveal(section)
    reveal(verdict)
  }

  /** @param {Finding} finding */
  function showFinding({ finding, because, isGood, proof }) {
    spoken.textContent = `${finding} ${because}`
    verdict.replaceChildren(element('strong', { class: isGood ? 'granted' : 'refused' }, finding), ` ${because}`)
    exchanges.replaceChildren(...proof)
    reveal(section)
    reveal(verdict)
  }

  return {
    element: section,
    clear,
    /** Shows one step, for lessons that do not run an action. */
    show,

    /**
     * Shows the steps of an action below the button that was pressed. Another run stops this one.
     * @param {() => AsyncIterable<Step>} action
     * @param {Element} [row] the element that the outcome follows
     */
    async run(action, row) {
      clear()
      const mine = (running = {})
      row?.after(section)
      try {
        for await (const step of action()) {
          if (running !== mine) return false
          show(step)
        }
        return running === mine
      } catch (error) {
        if (running === mine) show({ note: describe(error) })
        return false
      }
    }
  }
}

/**
 * Nothing moves if it is in the window already. What is larger than the window may cover it without its beginning.
 * @param {HTMLElement} part
 */
function reveal(part) {
  part.scrollIntoView({ block: 'nearest' })
}

/** @param {unknown} error */
function describe(error) {
  if (!navigator.onLine) return 'This browser is offline: connect it, and press the button again.'
  return error instanceof Refused ? `${error.message}.` : 'The server does not respond: try again in a moment.'
}

/** An action cannot continue; its message is shown. */
export class Refused extends Error {}
