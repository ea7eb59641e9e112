const patienceMs = 10_000
const defaultRetryMs = 2000

/** The server cannot answer at the moment. That says nothing about who is signed in. */
export class Unavailable extends Error {
  constructor(message = 'The server does not answer: try again in a moment', retryAfterMs = defaultRetryMs) {
    super(message)
    this.retryAfterMs = retryAfterMs
  }
}

/**
 * Sends a request with this page's cookies, and resolves to what came back, refusals too.
 * @throws Unavailable where nothing did, 5xx, or what no server of ours says: the page of a proxy, or of a captive portal
 */
export async function ask(method, path, body) {
  const { response, text } = await send(method, path, body)
  const { status, headers } = response
  const answer = read(text)
  if (status >= 500 || (answer === null && status !== 204)) throw new Unavailable(answer?.message, retryMs(response))
  return { status, body: answer, ...timesOf(response), retryAfter: headers.get('retry-after') }
}

async function send(method, path, body) {
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

function read(text) {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function retryMs(response) {
  const seconds = Number(response.headers.get('retry-after'))
  return seconds > 0 ? seconds * 1000 : defaultRetryMs
}

/**
 * The server's time in whole seconds, and how far its clock is ahead of this machine's, where that is more than the
 * whole seconds and the way here explain.
 */
function timesOf(response) {
  const serverMs = Date.parse(response.headers.get('date')) || Date.now()
  const aheadMs = serverMs - Date.now()
  return { seconds: Math.floor(serverMs / 1000), skewMs: Math.abs(aheadMs) > 2000 ? aheadMs : 0 }
}
