// Node has no cookie jar. With one around its `fetch`, the client works by cookies as it does in a browser.
import t from 'tap'
import { createAuth } from '../../../../client/index.js'
import { createCookieJar } from '../../../fixtures/cookie-jar.ts'
import { startApplication } from '../application.ts'
import { repeated } from '../session.ts'

t.test('a fetch with a cookie jar makes the cookie transport work in Node', async (t) => {
  const { url, log, expire } = await startApplication(t)
  const jar = createCookieJar(Date.now)
  const fetchWithJar = async (input: string | URL | Request, init?: RequestInit) => {
    const request = new Request(input, init)
    const headers = new Headers(request.headers)
    headers.set('cookie', jar.header(request.url))
    const response = await fetch(new Request(request, { headers }))
    for (const line of response.headers.getSetCookie()) jar.set(request.url, line)
    return response
  }
  const auth = createAuth<{ sub: string }>({
    baseUrl: url,
    refresh: '/auth/refresh',
    signOut: '/auth/logout',
    me: '/me',
    fetch: fetchWithJar
  })
  t.teardown(() => auth.close())
  const response = await fetchWithJar(`${url}/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sub: 'alice', transport: 'cookie' })
  })
  await auth.signedIn(response)
  t.match(auth.user, { sub: 'alice' })
  log()

  expire()
  const body = new URLSearchParams({ title: 'one' }).toString()
  const headers = { 'content-type': 'application/octet-stream' }
  t.equal((await auth.fetch(`${url}/upload`, { method: 'POST', body, headers })).status, 200)
  t.strictSame(log(), repeated('POST /upload'))
  await auth.signOut()
  t.equal(auth.user, null)
  t.equal(jar.header(url), '', 'no cookie is left')
  t.equal((await auth.fetch(`${url}/me`)).status, 401)
})
