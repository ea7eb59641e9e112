// What a browser sends and keeps: in a frame of another site, and from a page that hides its origin. To a browser,
// 127.0.0.1 and localhost are two sites.
import type { AddressInfo } from 'node:net'
import type { Browser, Frame } from 'playwright-core'
import t, { type Test } from 'tap'
import type { CookieOptions } from '../../plugin/options/cookies.ts'
import { createApp } from '../fixtures/app.ts'
import { launchBrowser, skipWithoutBrowser } from '../fixtures/browser.ts'

t.setTimeout(600_000)

/** Opens the application in a frame of another site, and by itself, in a browser without third-party cookies. */
async function openFrame(t: Test, { browser, cookies }: { browser: Browser; cookies: CookieOptions }) {
  const { app } = await createApp({
    plugin: { cookies },
    server: { forceCloseConnections: true },
    after(app) {
      app.get('/framed', (_request, reply) => reply.type('text/html').send('<title>framed</title>'))
      app.get('/other-site', (request, reply) =>
        reply.type('text/html').send(`<iframe src="http://localhost:${request.port}/framed"></iframe>`)
      )
    }
  })
  t.teardown(() => app.close())
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const context = await browser.newContext()
  const otherSite = await context.newPage()
  await otherSite.goto(`http://127.0.0.1:${port}/other-site`)
  const itself = await context.newPage()
  await itself.goto(`http://localhost:${port}/framed`)
  return { frame: otherSite.frames()[1]!, itself: itself.mainFrame(), cookies: () => context.cookies() }
}

/** The status of a POST that a page sends to its own server. */
async function post(frame: Frame, path: string, body: object = {}): Promise<number> {
  return await frame.evaluate(
    async ([path, body]) => {
      const headers = { 'content-type': 'application/json' }
      return (await fetch(path, { method: 'POST', headers, body })).status
    },
    [path, JSON.stringify(body)] as const
  )
}

const alice = { sub: 'alice', transport: 'cookie' }

/** The response to a form that a page with `Referrer-Policy: no-referrer` posts to its own server. */
async function postForm(t: Test, { browser, host }: { browser: Browser; host: string }) {
  const { app, events } = await createApp({
    server: { forceCloseConnections: true },
    after(app) {
      app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, async () => ({}))
      app.get('/page', (_request, reply) =>
        reply
          .headers({ 'content-type': 'text/html', 'referrer-policy': 'no-referrer' })
          .send('<form method="post" action="/form"><button></button></form>')
      )
      app.post('/form', async ({ headers }, reply) => {
        reply.assertSameSite()
        return `${headers.origin} ${headers['sec-fetch-site']}`
      })
    }
  })
  t.teardown(() => app.close())
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const page = await browser.newPage()
  await page.goto(`http://${host}:${port}/page`)
  const [response] = await Promise.all([page.waitForNavigation(), page.locator('button').click()])
  const server = `${host}:${port}`
  return { status: response!.status(), text: await response!.text(), events: events(), server }
}

t.test('in a browser that blocks third-party cookies', skipWithoutBrowser, async (t) => {
  const browser = await launchBrowser({
    args: ['--test-third-party-cookie-phaseout', '--host-resolver-rules=MAP app.test 127.0.0.1']
  })
  t.teardown(() => browser.close())

  await t.test('with cookies.partitioned, an application in a frame has a session of its own', async (t) => {
    const { frame, itself, cookies } = await openFrame(t, {
      browser,
      cookies: { sameSite: 'none', partitioned: true }
    })
    t.equal(await post(frame, '/login', alice), 200)
    t.equal(await post(frame, '/me'), 200)
    t.strictSame((await cookies()).map(({ name }) => name).sort(), ['__Host-access', '__Host-refresh'])
    t.equal(await post(itself, '/me'), 401, 'which its own page does not see')

    t.equal(await post(itself, '/login', { ...alice, sub: 'bob' }), 200)
    t.equal((await cookies()).length, 4)
    t.equal(await post(frame, '/logout'), 204)
    t.equal(await post(frame, '/me'), 401)
    t.equal((await cookies()).length, 2, 'signing out clears the cookies of the frame')
    t.equal(await post(itself, '/me'), 200, 'and only those')
  })

  await t.test('without cookies.partitioned, the browser drops the cookies of a frame', async (t) => {
    const { frame, itself, cookies } = await openFrame(t, { browser, cookies: { sameSite: 'none' } })
    t.equal(await post(frame, '/login', alice), 200)
    t.equal(await post(frame, '/me'), 401)
    t.strictSame(await cookies(), [])
    t.equal(await post(itself, '/login', alice), 200)
    t.equal(await post(itself, '/me'), 200)
  })

  await t.test('a form of a page with Referrer-Policy: no-referrer is refused over plain http', async (t) => {
    const { status, text, events, server } = await postForm(t, { browser, host: 'app.test' })
    t.equal(status, 403)
    t.match(JSON.parse(text), { code: 'AUTH_CROSS_SITE' })
    const detail =
      `the Origin is "null", and this server is "${server}". Browsers send "null" from a sandboxed frame, from a ` +
      'local file, and from a form of a page with the header Referrer-Policy: no-referrer'
    t.strictSame(events, [{ type: 'cross-site-refused', origin: 'null', host: server, detail }])
  })

  // Browsers treat localhost like https.
  await t.test('and is accepted where browsers send Sec-Fetch-Site', async (t) => {
    const { status, text, events } = await postForm(t, { browser, host: 'localhost' })
    t.strictSame([status, text, events], [200, 'null same-origin', []])
  })
})
