import { Unavailable } from './server.js'
import { say } from './status.js'

/**
 * A list of the user's that the server keeps: shown while somebody is signed in, and read again after each change and
 * whenever the page is looked at.
 */
export function createOwnList({ session, section, path, draw }) {
  let latest

  async function reload() {
    if (!session.user()) return
    const mine = (latest = {})
    await attempt(['GET', path], 200, (rows) => mine === latest && redraw(rows))
  }

  /** The rows are new elements, but whoever was on a button stays there. */
  function redraw(rows) {
    const { id } = document.activeElement
    draw(rows)
    document.getElementById(id)?.focus()
  }

  /** Does what the user asked for, or says why not. */
  async function change(request, status, done) {
    return await attempt(request, status, async (body) => {
      done?.(body)
      await reload()
    })
  }

  async function attempt(request, status, done) {
    const { sid } = session.user()
    try {
      const answer = await session.call(...request)
      // What the former user asked for is nothing for the next.
      if (session.user()?.sid !== sid) return
      if (answer.status === status) await done(answer.body)
      else say(`${answer.body.message}.`)
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      say(`${error.message}.`)
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
