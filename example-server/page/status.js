const line = document.getElementById('status')
const shownMs = 4000
let timer

/** Says it on the screen and to screen readers. */
export function say(message) {
  clearTimeout(timer)
  line.textContent = message
  timer = setTimeout(() => {
    line.textContent = ''
  }, shownMs)
}
