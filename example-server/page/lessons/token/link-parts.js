/**
 * Lights everything inside that has the same `data-link` as what the pointer is over, or else as what has the focus.
 * The arrow keys move between the members of a part that has the focus.
 * @param {HTMLElement} root
 */
export function linkParts(root) {
  /** @type {string | undefined} */
  let pointed
  /** @type {string | undefined} */
  let focused

  function light() {
    const link = pointed ?? focused
    for (const element of root.querySelectorAll('[data-link]')) {
      element.classList.toggle('lit', link !== undefined && element.getAttribute('data-link') === link)
    }
  }

  root.addEventListener('pointerover', ({ target }) => {
    pointed = linkOf(target)
    light()
  })
  root.addEventListener('pointerleave', () => {
    pointed = undefined
    light()
  })
  root.addEventListener('focusin', ({ target }) => {
    focused = linkOf(target)
    light()
  })
  root.addEventListener('focusout', () => {
    focused = undefined
    light()
  })
  root.addEventListener('keydown', (event) => {
    if (!(event.target instanceof HTMLElement) || event.target.matches('textarea, input, button')) return
    const part = event.target.closest('.json')
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (!part || step === undefined) return
    const members = [...part.querySelectorAll('.member')].filter((member) => member instanceof HTMLElement)
    const next = members[members.findIndex((member) => member === event.target) + (event.target === part ? 1 : step)]
    if (!next && step > 0) return
    event.preventDefault()
    if (next) next.focus()
    else if (part instanceof HTMLElement) part.focus()
  })
}

/** @param {EventTarget | null} target */
function linkOf(target) {
  const linked = target instanceof Element ? target.closest('[data-link]') : null
  return linked?.getAttribute('data-link') ?? undefined
}
