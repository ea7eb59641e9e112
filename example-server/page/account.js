import { Unavailable } from './server.js'
import { say } from './status.js'

const section = document.getElementById('account')
const title = document.getElementById('account-title')
const name = document.getElementById('account-name')
const until = document.getElementById('account-until')
const left = document.getElementById('account-left')
const bar = document.getElementById('account-bar')

const everyMs = matchMedia('(prefers-reduced-motion: reduce)').matches ? 5000 : 500

/** Who is signed in and until when, as a bar that runs down and is full again when the token has been renewed. */
export function showAccount(session) {
  function draw() {
    if (!session.user()) return
    const { until: end, lifetimeMs } = session.access()
    const leftMs = Math.max(0, end - Date.now())
    bar.value = leftMs / lifetimeMs
    const renewsInMs = leftMs - lifetimeMs / 3
    left.textContent = renewsInMs > 0 ? `Renews by itself in ${spell(renewsInMs)}.` : 'Renewing …'
  }

  session.addEventListener('renewed', () => {
    const end = new Date(session.access().until)
    until.dateTime = end.toISOString()
    until.textContent = end.toLocaleTimeString()
    draw()
  })
  session.addEventListener('change', () => {
    const user = session.user()
    section.hidden = !user
    name.textContent = user?.name ?? ''
    if (!user) return
    draw()
    // What had the focus is gone with the form.
    if (document.activeElement === document.body) title.focus()
  })
  document.getElementById('sign-out').addEventListener('click', async () => {
    try {
      await session.signOut()
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      say(`${error.message}. You are still signed in.`)
    }
  })
  setInterval(draw, everyMs)
}

function spell(ms) {
  const seconds = Math.ceil(ms / 1000)
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}
