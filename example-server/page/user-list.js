import { whileBusy } from './busy.js'
import { errorOf, Unavailable } from './server.js'
import { showStatus } from './status.js'

/**
 * @template Row
 * @typedef {object} UserListOptions
 * @property {import('./session.js').Session} session
 * @property {HTMLElement} section is visible while somebody is signed in
 * @property {string} path of the list on the server
 * @property {(rows: Row[]) => void} draw
 */

/**
 * @typedef {object} Change
 * @property {import('./server.js').ApiRequest} request
 * @property {number} status of a successful response
 * @property {() => void} onSuccess
 */

/**
 * A list that belongs to the user and is kept on the server. It is loaded again after each change, and whenever the
 * window gets the focus.
 * @template Row
 * @param {UserListOptions<Row>} options
 */
export function createUserList({ session, section, path, draw }) {
  /** The latest call of `reload()`. */
  let latest = {}

  async function reload() {
    if (!session.user()) return
    const mine = (latest = {})
    await attempt({ method: 'GET', path }, (response) => {
      if (response.status !== 200) return false
      if (mine === latest) redraw(/** @type {Row[]} */ (response.body))
      return true
    })
  }

  /**
   * Keeps the focus on the same button, although all rows are new elements.
   * @param {Row[]} rows
   */
  function redraw(rows) {
    const id = document.activeElement?.id ?? ''
    draw(rows)
    document.getElementById(id)?.focus()
  }

  /**
   * Sends what the user asked for, one change at a time; shows the reason if it fails.
   * @param {Change} change
   */
  async function change({ request, status, onSuccess }) {
    await whileBusy(section, async () => {
      await attempt(request, async (response) => {
        if (response.status !== status) return false
        onSuccess()
        await reload()
        return true
      })
    })
  }

  /**
   * @param {import('./server.js').ApiRequest} request
   * @param {(response: import('./server.js').ApiResponse) => boolean | Promise<boolean>} accept returns false for an
   * error
   */
  async function attempt(request, accept) {
    const sid = session.user()?.sid
    try {
      const response = await session.call(request)
      // Another user may have signed in meanwhile: the response is not theirs.
      if (session.user()?.sid !== sid) return
      if (!(await accept(response))) showStatus(`${errorOf(response).message}.`)
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      showStatus(`${error.message}.`)
    }
  }

  session.addEventListener('change', () => {
    section.hidden = !session.user()
    draw([])
    reload()
  })
  session.addEventListener('available', reload)
  window.addEventListener('focus', reload)
  return { reload, change }
}
