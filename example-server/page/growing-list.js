const step = 50

/**
 * @template Row
 * @typedef {object} GrowingListOptions
 * @property {HTMLElement} list
 * @property {HTMLButtonElement} more shows more rows
 * @property {number} first how many rows are shown at first
 * @property {(row: Row) => HTMLElement} drawRow
 * @property {(row: Row) => boolean} [isPinned] rows that are always shown
 */

/**
 * Shows the first rows of a list, and more of them by a button.
 * @template Row
 * @param {GrowingListOptions<Row>} options
 */
export function createGrowingList({ list, more, first, drawRow, isPinned = () => false }) {
  /** @type {Row[]} */
  let rows = []
  let count = first

  function draw() {
    const shown = rows.filter((row, index) => index < count || isPinned(row))
    const hidden = rows.length - shown.length
    list.replaceChildren(...shown.map(drawRow))
    more.hidden = hidden === 0
    more.textContent = `Show ${Math.min(step, hidden)} more of ${hidden}`
  }

  more.addEventListener('click', () => {
    const next = count
    count += step
    draw()
    list.children[next]?.querySelector('button')?.focus()
  })

  /** @param {Row[]} newRows */
  return function show(newRows) {
    rows = newRows
    if (rows.length === 0) count = first
    draw()
  }
}

/**
 * @param {{ created_at: string }} one
 * @param {{ created_at: string }} other
 */
export function newestFirst(one, other) {
  return Date.parse(other.created_at) - Date.parse(one.created_at)
}
