import { Unavailable } from './server.js'
import { say } from './status.js'

/**
 * A list of the user's that the server keeps: shown while somebody is signed in, and read again after each change and
 * whenever the page is looked at.
 */
export function createOwnList ({ session, section, path, draw }) {
  async function reload () {
    if (!session.user()) return
    await attempt(['GET', path], 200, redraw)
  }

  /** The rows are new elements, but whoever was on a button stays there. */
  function redraw (rows) {
    const { id } = document.activeElement
    draw(rows)
    document.getElementById(id)?.focus()
  }

  /** Does what the user asked for, or says why not. */
  async function change (request, status, done) {
    return await attempt(request, status, async (body) => {
      done?.(body)
      await reload()
    })
  }

  async function attempt (request, status, done) {
    try {
      const answer = await session.call(...request)
      if (answer.status === status) await done(answer.body)
      else if (session.user()) say(`${answer.body.message}.`)
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      say(`${error.message}.`)
    }
  }

  session.addEventListener('change', () => {
    section.hidden = session.user() === null
    draw([])
    reload()
  })
  session.addEventListener('available', reload)
  window.addEventListener('focus', reload)
  return { reload, change }
}
