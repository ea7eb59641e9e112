import { element } from '../element.js'

/** What JWT is good and bad at, and three ways on. */
export function drawEnd() {
  return element(
    'section',
    { class: 'card', id: 'end', 'aria-labelledby': 'end-title' },
    element('h2', { id: 'end-title' }, 'Good at, bad at')
  )
}
