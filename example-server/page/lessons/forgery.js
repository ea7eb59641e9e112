const timeoutMs = 10_000

/** @typedef {import('./exchange.js').Exchange} Exchange */

/**
 * Lets a page of another origin (a sandboxed frame has an opaque one) post a form to the server. A page cannot read the
 * response of another site, but the form navigates its frame to the response, which has our origin and is readable
 * here.
 * @returns {Promise<Exchange>}
 */
export async function forge() {
  const frame = document.createElement('iframe')
  frame.hidden = true
  frame.src = '/page/lessons/other-site.html'
  try {
    return await new Promise((resolve, reject) => {
      frame.addEventListener('load', () => {
        // While the frame shows the other site, its document is not accessible.
        if (frame.contentDocument !== null) resolve(read(frame.contentDocument))
      })
      setTimeout(() => reject(new Error(`no response within ${timeoutMs} ms`)), timeoutMs)
      document.body.append(frame)
    })
  } finally {
    frame.remove()
  }
}

/**
 * @param {Document} response
 * @returns {Exchange}
 */
function read(response) {
  const body = JSON.parse((response.querySelector('pre') ?? response.body).textContent ?? '')
  return {
    sent: {
      method: 'POST',
      path: '/auth/login',
      // What the browser sends in this case. A page cannot read or change these headers.
      headers: { Origin: 'null', 'Sec-Fetch-Site': 'cross-site', 'Content-Type': 'text/plain' },
      note: '(no Cookie: SameSite=Lax keeps your cookies out of this request)',
      body: { username: 'mallory', password: 'of mallory', transport: 'cookie', '=': 0 }
    },
    received: { status: body.statusCode, statusText: body.error, challenge: null, body }
  }
}
