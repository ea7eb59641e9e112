import { element } from './element.js'
import { createOwnList } from './own-list.js'
import { say } from './status.js'

const list = document.getElementById('device-list')
const title = document.getElementById('devices-title')

/** The more particular name first: Edge calls itself Chrome as well, and Chrome calls itself Safari. */
const browsers = [
  ['Edg/', 'Edge'],
  ['Firefox/', 'Firefox'],
  ['Chrome/', 'Chrome'],
  ['Safari/', 'Safari'],
  ['curl/', 'curl']
]
const systems = [
  ['Android', 'Android'],
  ['iPhone', 'iPhone'],
  ['iPad', 'iPad'],
  ['Windows', 'Windows'],
  ['Mac OS', 'macOS'],
  ['Linux', 'Linux']
]

export function showDevices(session) {
  const devices = createOwnList({ session, section: document.getElementById('devices'), path: '/auth/sessions', draw })
  let workshops = null
  const others = document.getElementById('sign-out-others')

  function draw(rows) {
    others.disabled = !rows.some(({ current }) => !current)
    list.replaceChildren(...rows.map(drawDevice))
  }

  function drawDevice({ id, device, createdAt, expiresAt, current }) {
    return element(
      'li',
      {},
      element(
        'div',
        { class: 'row-text' },
        element('span', { id: `device-${id}` }, nameOf(device)),
        ' ',
        ...(current ? [drawBadge('This device')] : id === workshops ? [drawBadge('Of the workshop')] : []),
        element('p', { class: 'hint' }, `Since ${at(createdAt)}; lapses ${on(expiresAt)} if unused`)
      ),
      element(
        'button',
        {
          type: 'button',
          class: 'small',
          id: `sign-out-${id}`,
          'aria-describedby': `device-${id}`,
          click: () => signOut(id, current)
        },
        'Sign out'
      )
    )
  }

  async function signOut(id, isCurrent) {
    if (isCurrent) return document.getElementById('sign-out').click()
    await devices.change(['DELETE', `/auth/sessions/${id}`], 204, () => say('That device is signed out.'))
    title.focus()
  }

  others.addEventListener('click', async () => {
    await devices.change(['DELETE', '/auth/sessions'], 204, () => say('Every other device is signed out.'))
    title.focus()
  })
  session.addEventListener('device', ({ detail }) => {
    workshops = detail
    devices.reload()
  })
}

function drawBadge(text) {
  return element('span', { class: 'badge' }, text)
}

function nameOf(userAgent) {
  const find = (names) => names.find(([mark]) => userAgent?.includes(mark))?.[1]
  const [browser, system] = [find(browsers), find(systems)]
  return browser ? `${browser}${system ? ` on ${system}` : ''}` : (userAgent ?? 'A device without a name')
}

function at(time) {
  return new Date(time).toLocaleString([], { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' })
}

function on(time) {
  return new Date(time).toLocaleDateString([], { month: 'short', day: 'numeric' })
}
