import { whileBusy } from '../busy.js'
import { element } from '../element.js'
import { errorOf, isOfFormerUser, Unavailable } from '../server.js'

/** @typedef {import('../server.js').ApiResponse} ApiResponse */

/**
 * @typedef {object} FormOptions
 * @property {Node[]} fields
 * @property {string} action the text of the button
 * @property {(values: Record<string, string>) => Promise<string>} run resolves to a problem, or to an empty text
 * @property {Node[]} [more] beside the button
 */

/**
 * A form with its message. It is emptied after a success.
 * @param {FormOptions} options
 */
export function createForm({ fields, action, run, more = [] }) {
  const message = element('p', { class: 'message', role: 'alert' })
  const form = /** @type {HTMLFormElement} */ (
    element(
      'form',
      { submit },
      ...fields,
      message,
      element('div', { class: 'actions' }, element('button', { type: 'submit', class: 'small' }, action), ...more)
    )
  )

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault()
    await whileBusy(form, async () => {
      message.textContent = ''
      const values = /** @type {Record<string, string>} */ (Object.fromEntries(new FormData(form)))
      message.textContent = await problemOf(() => run(values))
      if (message.textContent === '') form.reset()
    })
  }
  return form
}

/**
 * @param {string} label
 * @param {Record<string, string | boolean>} attributes of the input
 */
export function field(label, attributes) {
  return element('label', {}, label, element('input', { required: true, ...attributes }))
}

/**
 * What to say about a response that is not a success.
 * @param {Pick<ApiResponse, 'body' | 'status' | 'retryAfter'>} response
 */
export function sentenceOf(response) {
  const { message, code } = errorOf(response)
  if (response.status === 429) return `${message} (in ${Math.ceil(Number(response.retryAfter) / 60)} min).`
  return code === 'FST_ERR_VALIDATION' ? 'This is not accepted: check what you have typed.' : `${message}.`
}

/**
 * Resolves to what `run` resolves to, or to why it could not be done.
 * @param {() => Promise<string>} run
 */
export async function problemOf(run) {
  try {
    return await run()
  } catch (error) {
    if (isOfFormerUser(error)) return ''
    if (error instanceof Unavailable) return `${error.message}.`
    throw error
  }
}
