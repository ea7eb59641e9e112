const banner = document.getElementById('unavailable')

export function showUnavailable(session) {
  session.addEventListener('unavailable', () => {
    banner.textContent = `The server is not available at the moment.${session.user() ? ' You stay signed in.' : ''} Trying again …`
    banner.hidden = false
  })
  session.addEventListener('available', () => {
    banner.hidden = true
  })
}
