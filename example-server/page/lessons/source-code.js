import { element } from '../element.js'

/**
 * Lines of the server's source, as they are on its disk.
 * @typedef {object} SourceLines
 * @property {string} path
 * @property {string | null} href where the whole file is
 * @property {number} line of the first one
 * @property {string} text
 */

/** @type {Promise<Record<string, SourceLines>> | null} */
let loading = null

/** All lines that lessons show, by name. Without them a lesson shows none. */
async function loadSources() {
  loading ??= fetch('/page/sources.json').then(async (response) => (response.ok ? await response.json() : {}))
  return await loading.catch(() => {
    loading = null
    return /** @type {Record<string, SourceLines>} */ ({})
  })
}

/**
 * The server code that did it.
 * @param {string[]} names
 */
export function drawSources(names) {
  const place = element('div', { class: 'sources' })
  return {
    element: place,
    async load() {
      if (place.hasChildNodes()) return
      const sources = await loadSources()
      place.replaceChildren(...names.flatMap((name) => (sources[name] ? [drawLines(sources[name])] : [])))
    }
  }
}

/** @param {SourceLines} lines */
function drawLines({ path, href, line, text }) {
  return element(
    'figure',
    { class: 'source' },
    element('figcaption', {}, href === null ? path : element('a', { href }, path), ` from line ${line}`),
    element('pre', { tabindex: '0' }, element('code', {}, text))
  )
}
