import { byId, element } from '../element.js'
import { send } from '../server.js'
import { auth, onUserChange } from '../session.js'
import { loadSettings } from '../settings.js'
import { problemOf } from './form.js'
import { drawData } from './data.js'
import { drawEmail } from './email.js'
import { drawPasskeys } from './passkeys.js'
import { drawPassword } from './password.js'

const details = byId('your-account', HTMLDetailsElement)
const content = byId('your-account-content', HTMLElement)

/**
 * @typedef {object} Account
 * @property {string} username
 * @property {string | null} email verified
 * @property {string | null} pending_email not verified yet
 */

/**
 * What a part of "Your account" is drawn from.
 * @typedef {object} Part
 * @property {Account} account
 * @property {boolean} mails whether the server sends mails
 * @property {() => Promise<void>} reload
 */

/** Shows "Your account": it is loaded when it is opened, and after each change. */
export function showAccountSettings() {
  let shownSub = ''

  async function reload() {
    const { user } = auth
    if (!user || !details.open) return
    const problem = await problemOf(async () => {
      const [{ status, body }, settings] = await Promise.all([
        send({ method: 'GET', path: '/auth/account' }),
        loadSettings()
      ])
      if (status === 200 && user === auth.user) await draw(/** @type {Account} */ (body), settings)
      return ''
    })
    if (problem !== '') content.replaceChildren(element('p', { class: 'message', role: 'alert' }, problem))
  }

  /**
   * @param {Account} account
   * @param {import('../settings.js').Settings} settings
   */
  async function draw(account, { mails }) {
    const part = { account, mails, reload }
    const parts = [drawEmail(part), drawPassword(), await drawPasskeys(), drawData(part)].filter(
      (each) => each !== null
    )
    // Not before the parts are loaded: the user may open another one meanwhile.
    const open = content.querySelector('details[open]')?.id
    content.replaceChildren(...parts)
    const again = open === undefined ? null : document.getElementById(open)
    if (again instanceof HTMLDetailsElement) again.open = true
  }

  details.addEventListener('toggle', reload)
  document.addEventListener('account-changed', reload)
  onUserChange(() => {
    const { user } = auth
    if (user === undefined) return
    // A session that replaces another one of the same user leaves the parts open.
    if (user === null || user.sub !== shownSub) {
      details.open = false
      content.replaceChildren()
    }
    shownSub = user?.sub ?? ''
    reload()
  })
}
