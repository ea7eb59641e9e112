import { whileBusy } from './busy.js'
import { errorOf, isOfFormerUser, send, Unavailable } from './server.js'
import { auth, onUserChange } from './session.js'
import { showStatus } from './status.js'

/**
 * @template Row
 * @typedef {object} UserListOptions
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
export function createUserList({ section, path, draw }) {
  /** The latest call of `reload()`. */
  let latest = {}

  async function reload() {
    if (!auth.user) return
    await loadFrom(path, { mine: (latest = {}), before: [] })
  }

  /**
   * Draws the list when its last page has arrived, unless it has been loaded again meanwhile.
   * @param {string} page path of a page
   * @param {{ mine: object, before: Row[] }} state the call of `reload()`, and the rows of the pages before
   */
  async function loadFrom(page, { mine, before }) {
    await attempt({ method: 'GET', path: page }, async ({ status, body, next }) => {
      if (status !== 200) return false
      if (mine !== latest) return true
      const rows = [...before, .../** @type {Row[]} */ (body)]
      if (next === null) redraw(rows)
      else await loadFrom(next, { mine, before: rows })
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
    try {
      const response = await send(request)
      // The client finds out whether the session is over.
      if (response.status === 401) return
      if (!(await accept(response))) showStatus(`${errorOf(response).message}.`)
    } catch (error) {
      if (isOfFormerUser(error)) return
      if (!(error instanceof Unavailable)) throw error
      showStatus(`${error.message}.`)
    }
  }

  onUserChange(() => {
    section.hidden = !auth.user
    draw([])
    reload()
  })
  document.addEventListener('server-available', reload)
  // A lesson has changed something.
  document.addEventListener('lists-changed', reload)
  window.addEventListener('focus', reload)
  return { reload, change }
}
