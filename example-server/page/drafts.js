// In session storage, so that the draft also survives a link to another page. It belongs to one tab.
const key = 'draft'

/**
 * What a user has typed and not saved.
 * @typedef {{ sub: string, text: string }} Draft
 */

/**
 * @param {string} sub
 * @returns {string} empty if there is none of this user
 */
export function readDraft(sub) {
  try {
    /** @type {Draft | null} */
    const draft = JSON.parse(sessionStorage.getItem(key) ?? 'null')
    return draft?.sub === sub ? draft.text : ''
  } catch {
    return ''
  }
}

/** @param {Draft} draft an empty text removes it */
export function keepDraft({ sub, text }) {
  try {
    if (text === '') sessionStorage.removeItem(key)
    else sessionStorage.setItem(key, JSON.stringify({ sub, text }))
  } catch {
    // The browser forbids storage, or it is full: the draft is only in the form.
  }
}

export function forgetDraft() {
  keepDraft({ sub: '', text: '' })
}
