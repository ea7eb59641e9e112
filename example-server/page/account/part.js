import { element } from '../element.js'

/**
 * One part of "Your account"; opening it closes the others.
 * @param {{ id: string, title: string, state?: string }} heading
 * @param {(Node | string)[]} content
 */
export function createPart({ id, title, state = '' }, ...content) {
  return element(
    'details',
    { id: `account-${id}`, name: 'account-part', class: 'account-part' },
    element('summary', {}, title, ...(state === '' ? [] : [' ', element('span', { class: 'hint' }, state)])),
    ...content
  )
}
