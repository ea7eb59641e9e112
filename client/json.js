const maxBytes = 1 << 20

/**
 * The JSON of a response; `undefined` if it is something else, such as the page of a proxy, or far too large.
 * @param {Response} response is consumed
 * @returns {Promise<any>}
 * @throws whatever interrupts the response
 */
export async function readJson(response) {
  const reader = response.body?.getReader()
  const decoder = new TextDecoder()
  let text = ''
  for (let size = 0; reader;) {
    const { done, value } = await reader.read()
    if (done) break
    size += value.length
    if (size > maxBytes) return void reader.cancel()
    text += decoder.decode(value, { stream: true })
  }
  try {
    return JSON.parse(text)
  } catch {}
}

/**
 * The code of a refusal, if the server itself states it. A proxy may send 401 or 403 as well.
 * @param {any} body
 */
export function codeOf(body) {
  const code = String(body?.code)
  return code.startsWith('AUTH_') ? code : undefined
}
