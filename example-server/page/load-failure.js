// A classic script of its own, because it must also run when a module of the page does not load.

/** @param {Event} event */
function showFailure(event) {
  const isOfScript = event instanceof ErrorEvent || event.target instanceof HTMLScriptElement
  const unknown = document.getElementById('unknown')
  if (!isOfScript || unknown?.hidden !== false) return
  unknown.hidden = true
  document.getElementById('not-loaded')?.removeAttribute('hidden')
}

// Such events do not bubble.
addEventListener('error', showFailure, { capture: true })
