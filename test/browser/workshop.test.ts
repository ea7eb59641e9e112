import { join } from 'node:path'
import type { Page } from 'playwright-core'
import t from 'tap'
import { launchBrowser, skipWithoutBrowser } from '../fixtures/browser.ts'
import { startServer } from '../fixtures/example-server.ts'
import { look } from '../fixtures/looks.ts'
import { button, createVisitor, enter, getToken, signedInAs } from '../fixtures/visitor.ts'

t.setTimeout(180_000)

t.test('with tokens of three seconds', skipWithoutBrowser, async (t) => {
  const browser = await launchBrowser()
  t.teardown(() => browser.close())
  const { url } = await startServer(t, { DATA_DIR: join(t.testdir(), 'data'), ACCESS_TOKEN_SECONDS: '3' })

  t.test('every button of the workshop shows the request that was sent and the refusal that came', async (t) => {
    const { openTab } = await createVisitor(t, browser, url)
    const page = await openTab()
    await enter(page, 'Sign up', 'alba')
    await getToken(page)
    for (const part of ['header', 'payload', 'signature']) {
      t.match(await page.locator(`#token-text .jwt-${part}`).textContent(), /^[\w-]+$/)
    }
    t.match(await page.locator('#token-parts').textContent(), /"name": "alba"/)

    await button(page, 'Use it as it is').click()
    t.match(await exchangeWith(page, '200 OK'), /GET \/me\nAuthorization: Bearer /)

    await button(page, 'Tamper with it').click()
    const tampered = await exchangeWith(page, 'AUTH_INVALID_TOKEN')
    t.match(
      tampered,
      /401 Unauthorized\nWWW-Authenticate: Bearer realm="[^"]+", error="invalid_token", error_description="The access token is invalid"/
    )

    const forged = page.waitForRequest(
      (request) => request.url() === `${url}/auth/login` && request.isNavigationRequest()
    )
    await button(page, 'Forge a cross-site request').click()
    t.match(
      await exchangeWith(page, 'AUTH_CROSS_SITE'),
      /POST \/auth\/login\nOrigin: null\nSec-Fetch-Site: cross-site\nContent-Type: text\/plain\n[^]*403 Forbidden/
    )
    const headers = await (await forged).allHeaders()
    t.match(
      headers,
      { origin: 'null', 'sec-fetch-site': 'cross-site', 'content-type': 'text/plain' },
      'and that is what the browser sent'
    )
    t.notOk(headers.cookie)
    await look(t, page, 'workshop')

    await button(page, 'Call with an expired one').click()
    t.match(
      await exchangeWith(page, 'AUTH_EXPIRED_TOKEN'),
      /401 Unauthorized\nWWW-Authenticate: Bearer realm="[^"]+", error="invalid_token", error_description="The access token has expired"/
    )

    await button(page, 'Replay an old refresh token').click()
    t.match(
      await exchangeWith(page, 'AUTH_REFRESH_SUPERSEDED'),
      /POST \/auth\/refresh\n[^]*401 Unauthorized\nWWW-Authenticate: Bearer realm="[^"]+", error="invalid_token"/
    )
    t.match(
      await exchangeWith(page, 'AUTH_REFRESH_REUSED'),
      /401 Unauthorized\nWWW-Authenticate: Bearer realm="[^"]+", error="invalid_token"/
    )
    t.match(await exchangeWith(page, 'AUTH_REVOKED_TOKEN'), /GET \/me\n[^]*401 Unauthorized/)
    await page.getByText('Of the workshop').waitFor({ state: 'hidden' })
    await look(t, page, 'replayed')
    await getToken(page)
    t.ok(await signedInAs(page, 'alba').isVisible(), 'the session of the page itself has seen nothing of it')
  })

  t.test('three tabs go on without a visible break, with one refresh a period', async (t) => {
    const { context, openTab } = await createVisitor(t, browser, url)
    const first = await openTab()
    await enter(first, 'Sign up', 'bruno')
    const tabs = [first, await openTab(), await openTab()]
    for (const tab of tabs) {
      await signedInAs(tab, 'bruno').waitFor()
      await tab.evaluate(watchForBreaks)
    }
    const heard = new Set<unknown>()
    for (const tab of tabs) {
      tab.on('websocket', (socket) =>
        socket.on('framereceived', ({ payload }) => heard.add(JSON.parse(String(payload)).type))
      )
    }
    const times: number[] = []
    const statuses = new Set<number>()
    const enough = new Promise<void>((resolve) => {
      context.on('response', (response) => {
        if (response.url() !== `${url}/auth/refresh`) return
        times.push(Date.now())
        statuses.add(response.status())
        if (times.length === 6) resolve()
      })
    })
    await enough
    const gaps = times.slice(1).map((time, index) => time - times[index]!)
    t.ok(
      gaps.every((gap) => gap > 900),
      `a refresh every ${gaps.join(', ')} ms, of all tabs together`
    )
    t.strictSame([...statuses], [200])
    t.strictSame([...heard], ['signed-in'], 'no socket has outlived its token')
    for (const tab of tabs) {
      t.ok(await signedInAs(tab, 'bruno').isVisible())
      t.equal(await tab.locator('body.broken').count(), 0)
    }
  })

  t.test(
    'a tab whose timers stand still hears from the server that its token has expired, and renews it',
    async (t) => {
      const { context, openTab } = await createVisitor(t, browser, url)
      await context.addInitScript({ content: stopTimers })
      const tab = await openTab()
      await enter(tab, 'Sign up', 'clara')
      const answer = await tab.waitForResponse(`${url}/auth/refresh`)
      t.equal(answer.status(), 200)
      await tab.waitForEvent('websocket')
      t.ok(await signedInAs(tab, 'clara').isVisible())
    }
  )

  t.test('a page that is opened when the token has expired renews it, and goes on', async (t) => {
    const { context, openTab } = await createVisitor(t, browser, url)
    const tab = await openTab()
    await enter(tab, 'Sign up', 'dora')
    await tab.close()
    let code
    while (code !== 'AUTH_EXPIRED_TOKEN') code = (await (await context.request.get(`${url}/me`)).json()).code
    await signedInAs(await openTab(), 'dora').waitFor()
  })

  t.test('a clock that is an hour wrong costs neither requests nor connections', async (t) => {
    const { context, openTab } = await createVisitor(t, browser, url)
    await context.addInitScript({ content: wrongClock })
    const tab = await openTab()
    const isLive = tab.waitForEvent('websocket')
    await enter(tab, 'Sign up', 'edgar')
    await isLive
    const seen: string[] = []
    tab.on('request', (request) => seen.push(new URL(request.url()).pathname))
    tab.on('websocket', () => seen.push('/live'))
    await tab.waitForRequest(`${url}/auth/refresh`)
    await tab.waitForEvent('websocket')
    t.strictSame(
      seen.filter((path) => ['/me', '/auth/refresh', '/live'].includes(path)),
      ['/me', '/auth/refresh', '/live']
    )
  })
})

/** As in a tab that was hidden for long: what was put off for more than a second does not come. */
const stopTimers = `
  const { setTimeout } = window
  window.setTimeout = (work, ms) => ms > 1000 ? 0 : setTimeout(work, ms)
`

const wrongClock = `
  const { now } = Date
  Date.now = () => now() + 3_600_000
`

/** What the page shows while nobody is signed in, or the server is away, would appear or disappear. */
const watchForBreaks = `
  const observer = new MutationObserver(() => document.body.classList.add('broken'))
  for (const id of ['account', 'sign-in', 'unavailable']) observer.observe(document.getElementById(id), { attributeFilter: ['hidden'] })
`

/** The text of the exchange that shows this, when it is there. */
async function exchangeWith(page: Page, text: string): Promise<string> {
  const exchange = page.getByRole('article').filter({ hasText: text })
  await exchange.waitFor()
  return await exchange.innerText()
}
