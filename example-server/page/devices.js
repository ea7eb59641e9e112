import { byId, continueAt, element } from './element.js'
import { createGrowingList, newestFirst } from './growing-list.js'
import { demo, sessionLabels } from './lessons/demo.js'
import { showStatus } from './status.js'
import { createUserList } from './user-list.js'

const title = byId('devices-title', HTMLElement)
const ago = new Intl.RelativeTimeFormat('en')
const hourMs = 3_600_000

/**
 * The more specific mark first: Edge also calls itself Chrome, and Chrome also calls itself Safari.
 * @type {[mark: string, name: string][]}
 */
const browsers = [
  ['Edg/', 'Edge'],
  ['Firefox/', 'Firefox'],
  ['Chrome/', 'Chrome'],
  ['Safari/', 'Safari'],
  ['curl/', 'curl']
]
/** @type {[mark: string, name: string][]} */
const systems = [
  ['Android', 'Android'],
  ['iPhone', 'iPhone'],
  ['iPad', 'iPad'],
  ['Windows', 'Windows'],
  ['Mac OS', 'macOS'],
  ['Linux', 'Linux']
]

/**
 * A session of the user.
 * @typedef {object} Device
 * @property {string} id
 * @property {string | null} device the `User-Agent` of its sign-in
 * @property {string} created_at
 * @property {string} last_used_at rounded down to the hour
 * @property {boolean} current whether it is this page's session
 */

export function showDevices() {
  const devices = createUserList({ section: byId('devices', HTMLElement), path: '/auth/sessions', draw })
  const others = byId('sign-out-others', HTMLButtonElement)
  const show = createGrowingList({
    list: byId('device-list', HTMLElement),
    more: byId('device-more', HTMLButtonElement),
    first: 5,
    drawRow: drawDevice,
    isPinned: (/** @type {Device} */ { current }) => current
  })

  /** @param {Device[]} rows */
  function draw(rows) {
    others.disabled = !rows.some(({ current }) => !current)
    show(rows.sort(newestFirst))
  }

  /** @param {Device} device */
  function drawDevice({ id, device, created_at: createdAt, last_used_at: lastUsedAt, current }) {
    const badge = current ? 'This device' : (sessionLabels().get(id) ?? null)
    return element(
      'li',
      {},
      element(
        'div',
        { class: 'row-text' },
        element('span', { id: `device-${id}` }, nameOf(device)),
        ' ',
        ...(badge === null ? [] : [element('span', { class: 'badge' }, badge)]),
        element(
          'p',
          { class: 'hint' },
          `Signed in ${timeOf(createdAt)}, ${current ? 'in use now' : describeUse(lastUsedAt)}`
        )
      ),
      element(
        'button',
        {
          type: 'button',
          class: 'small',
          id: `sign-out-${id}`,
          'aria-describedby': `device-${id}`,
          click: () => (current ? byId('sign-out', HTMLButtonElement).click() : signOut(id))
        },
        'Sign out'
      )
    )
  }

  /** @param {string} id */
  async function signOut(id) {
    await devices.change({
      request: { method: 'DELETE', path: `/auth/sessions/${id}` },
      status: 204,
      onSuccess: () => showStatus('The device is signed out.')
    })
    continueAt(title)
  }

  others.addEventListener('click', async () => {
    await devices.change({
      request: { method: 'DELETE', path: '/auth/sessions' },
      status: 204,
      onSuccess: () => showStatus('All other devices are signed out.')
    })
    continueAt(title)
  })
  let shown = ''
  demo.addEventListener('changed', () => {
    const labels = String([...sessionLabels()])
    if (labels === shown) return
    shown = labels
    devices.reload()
  })
}

/** @param {string | null} userAgent */
function nameOf(userAgent) {
  /** @param {[string, string][]} names */
  const find = (names) => names.find(([mark]) => userAgent?.includes(mark))?.[1]
  const [browser, system] = [find(browsers), find(systems)]
  return browser ? `${browser}${system ? ` on ${system}` : ''}` : (userAgent ?? 'A device without a name')
}

/** @param {string} time */
function timeOf(time) {
  return new Date(time).toLocaleString([], { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' })
}

/** @param {string} lastUsedAt */
function describeUse(lastUsedAt) {
  const hours = Math.floor((Date.now() - Date.parse(lastUsedAt)) / hourMs)
  if (hours < 1) return 'used in the last hour'
  return `last used about ${hours < 48 ? ago.format(-hours, 'hour') : ago.format(-Math.floor(hours / 24), 'day')}`
}
