const patienceMs = 10_000

/**
 * Has a page of another origin (a sandboxed frame has one that is nobody's) post a form to the server. No page may read
 * another site's answer; but the form takes its frame to the answer, which comes from our own server, and is ours to read.
 */
export async function forge() {
  const frame = document.createElement('iframe')
  frame.hidden = true
  frame.src = '/page/workshop/other-site.html'
  try {
    return await new Promise((resolve, reject) => {
      frame.addEventListener('load', () => {
        // As long as the other site is in it, there is no looking in.
        if (frame.contentDocument !== null) resolve(read(frame))
      })
      setTimeout(() => reject(new Error('the frame came to nothing')), patienceMs)
      document.body.append(frame)
    })
  } finally {
    frame.remove()
  }
}

function read(frame) {
  const body = JSON.parse((frame.contentDocument.querySelector('pre') ?? frame.contentDocument.body).textContent)
  return {
    sent: {
      method: 'POST',
      path: '/auth/login',
      // As the browser writes them in this case: no page can read or change them.
      headers: { Origin: 'null', 'Sec-Fetch-Site': 'cross-site', 'Content-Type': 'text/plain' },
      note: '(no Cookie: SameSite=Lax has kept yours at home)',
      body: { username: 'mallory', password: 'of mallory', transport: 'cookie', '=': 0 }
    },
    got: { status: body.statusCode, statusText: body.error, challenge: null, body }
  }
}
