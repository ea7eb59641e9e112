const key = 'lessons-done'

/**
 * The ids of the lessons that the reader has done. The browser remembers them; they are about nobody, and no secret.
 * @returns {Set<string>}
 */
export function readProgress() {
  try {
    return new Set(JSON.parse(localStorage.getItem(key) ?? '[]'))
  } catch {
    // Storage is blocked, or the text is not ours.
    return new Set()
  }
}

/** @param {ReadonlySet<string>} done */
export function saveProgress(done) {
  try {
    localStorage.setItem(key, JSON.stringify([...done]))
  } catch {
    // Storage is blocked or full: the progress lasts as long as the page.
  }
}
