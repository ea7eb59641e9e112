/**
 * @typedef {string | boolean | ((event: Event) => unknown)} Attribute `true` sets an empty attribute, `false` none, and
 * a   function becomes the listener of the event of this name.
 */

/**
 * Creates an element. Children are elements or text, never markup.
 * @param {string} tag
 * @param {Record<string, Attribute>} attributes
 * @param {(Node | string)[]} children
 */
export function element(tag, attributes = {}, ...children) {
  const created = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') created.addEventListener(name, value)
    else if (value !== false) created.setAttribute(name, value === true ? '' : value)
  }
  created.append(...children)
  return created
}

/**
 * The element of the page with this id.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const found = document.getElementById(id)
  if (!(found instanceof type)) throw new TypeError(`#${id} must be an ${type.name}`)
  return found
}

/**
 * Moves the focus here if the element that had it is gone, hidden or disabled. It does not take the focus from another
 * element, where the user may be typing.
 * @param {HTMLElement} next
 */
export function continueAt(next) {
  const { activeElement: focused } = document
  if (focused === document.body || focused?.matches(':disabled')) next.focus()
}
