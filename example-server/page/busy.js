/**
 * Runs one work of a section, or of a button, at a time. Until it is done, the buttons are shown as disabled, and more
 * clicks do nothing. They keep the focus, which the attribute `disabled` would take from them.
 * @param {HTMLElement} element
 * @param {() => Promise<unknown>} work
 */
export async function whileBusy(element, work) {
  if (element.ariaBusy === 'true') return
  setBusy(element, true)
  try {
    await work()
  } finally {
    setBusy(element, false)
  }
}

/**
 * @param {HTMLElement} element
 * @param {boolean} isBusy
 */
function setBusy(element, isBusy) {
  element.ariaBusy = String(isBusy)
  const buttons = element instanceof HTMLButtonElement ? [element] : element.querySelectorAll('button')
  for (const button of buttons) button.ariaDisabled = String(isBusy)
}

/**
 * Ignores the second click of a double click: after a quick response it would act again, often on the row that has
 * moved up.
 */
export function ignoreDoubleClicks() {
  document.addEventListener(
    'click',
    (event) => {
      if (event.detail < 2 || !(event.target instanceof Element) || !event.target.closest('button')) return
      event.preventDefault()
      event.stopPropagation()
    },
    { capture: true }
  )
}
