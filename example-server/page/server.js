const patienceMs = 10_000
const defaultRetryMs = 2000

/** The server cannot answer at the moment. That says nothing about who is signed in. */
export class Unavailable extends Error {
  constructor (message = 'The server does not answer: try again in a moment', retryAfterMs = defaultRetryMs) {
    super(message)
    this.retryAfterMs = retryAfterMs
  }
}

/**
 * Sends a request with this page's cookies, and resolves to what came back, refusals too.
 * @throws Unavailable where nothing did, or 5xx
 */
export async function ask (method, path, body) {
  const sentAt = Date.now()
  const { response, text } = await send(method, path, body)
  if (response.status >= 500) throw new Unavailable(read(text)?.message, retryMs(response))
  return { status: response.status, body: read(text), sentAt, skewMs: skewOf(response), retryAfter: response.headers.get('retry-after') }
}

async function send (method, path, body) {
  try {
    const response = await fetch(path, {
      method,
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(patienceMs)
    })
    return { response, text: await response.text() }
  } catch {
    throw new Unavailable()
  }
}

function read (text) {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function retryMs (response) {
  const seconds = Number(response.headers.get('retry-after'))
  return seconds > 0 ? seconds * 1000 : defaultRetryMs
}

/** How far the server's clock is ahead of this machine's, where that is more than the header's whole seconds and the way here explain. */
function skewOf (response) {
  const aheadMs = Date.parse(response.headers.get('date')) - Date.now()
  return Math.abs(aheadMs) > 2000 ? aheadMs : 0
}
