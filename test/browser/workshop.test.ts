import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { launchBrowser, skipWithoutBrowser } from '../fixtures/browser.ts'
import { startServer } from '../fixtures/example-server.ts'
import { look } from '../fixtures/looks.ts'
import { button, createVisitor, getToken, signedInAs, signUp } from '../fixtures/visitor.ts'

t.setTimeout(180_000)

const invalidToken = /401 Unauthorized\nWWW-Authenticate: Bearer realm="[^"]+", error="invalid_token"/

t.test('with access tokens of four seconds', skipWithoutBrowser, async (t) => {
  const browser = await launchBrowser()
  t.teardown(() => browser.close())
  const { url } = await startServer(t, { DATA_DIR: join(t.testdir(), 'data'), ACCESS_TOKEN_SECONDS: '4' })

  // The cases mostly wait for tokens to expire, so they run at the same time.
  t.jobs = 3
  const testCase = (name: string, run: (t: Test) => Promise<void>) => t.test(name, { buffered: true }, run)

  testCase('every button of the workshop shows the request that was sent, and the response', async (t) => {
    const { openTab } = await createVisitor(t, { browser, url })
    const page = await openTab()
    await signUp(page, 'alba')
    await getToken(page)
    for (const part of ['header', 'payload', 'signature']) {
      t.match(await page.locator(`#token-text .jwt-${part}`).textContent(), /^[\w-]+$/)
    }
    t.match(await page.locator('#token-parts').textContent(), /"name": "alba"/)

    await button(page, 'Use it as it is').click()
    t.match(await exchangeWith(page, '200 OK'), /GET \/me\nAuthorization: Bearer /)

    await button(page, 'Tamper with it').click()
    const tampered = await exchangeWith(page, 'AUTH_INVALID_TOKEN')
    t.match(tampered, invalidToken)
    t.match(tampered, 'error_description="The access token is invalid"')

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
      'what the page shows is what the browser sent'
    )
    t.notOk(headers.cookie)
    await look(t, page, 'workshop')

    await button(page, 'Call with an expired one').click()
    const expired = await exchangeWith(page, 'AUTH_EXPIRED_TOKEN')
    t.match(expired, invalidToken)
    t.match(expired, 'error_description="The access token has expired"')

    await button(page, 'Replay an old refresh token').click()
    const superseded = await exchangeWith(page, 'AUTH_REFRESH_SUPERSEDED')
    t.match(superseded, /^POST \/auth\/refresh$/m)
    t.match(superseded, invalidToken)
    t.match(await exchangeWith(page, 'AUTH_REFRESH_REUSED'), invalidToken)
    t.match(await exchangeWith(page, 'AUTH_REVOKED_TOKEN'), /GET \/me\n[^]*401 Unauthorized/)
    await page.locator('.badge').filter({ hasText: 'Token workshop' }).waitFor({ state: 'hidden' })
    await look(t, page, 'replayed')
    await getToken(page)
    t.ok(await signedInAs(page, 'alba').isVisible(), "the page's own session is not affected")
  })

  testCase(
    'a tab whose timers do not fire learns from the server that its token has expired, and renews it',
    async (t) => {
      const { context, openTab } = await createVisitor(t, { browser, url })
      await context.addInitScript({ content: stopTimers })
      const tab = await openTab()
      await signUp(tab, 'clara')
      const [response] = await Promise.all([tab.waitForResponse(`${url}/auth/refresh`), tab.waitForEvent('websocket')])
      t.equal(response.status(), 200)
      t.ok(await signedInAs(tab, 'clara').isVisible())
    }
  )

  testCase('a page that is opened after the token has expired renews it', async (t) => {
    const { context, openTab } = await createVisitor(t, { browser, url })
    const tab = await openTab()
    await signUp(tab, 'dora')
    await tab.close()
    while ((await (await context.request.get(`${url}/me`)).json()).code !== 'AUTH_EXPIRED_TOKEN') await setTimeout(50)
    await signedInAs(await openTab(), 'dora').waitFor()
  })
})

/** Drops timers of more than a second, as if the tab had been hidden for a long time. */
const stopTimers = `
  const { setTimeout } = window
  window.setTimeout = (work, ms) => ms > 1000 ? 0 : setTimeout(work, ms)
`

/** Waits for the exchange that contains this text; resolves to all of its text. */
async function exchangeWith(page: Page, text: string): Promise<string> {
  const exchange = page.getByRole('article').filter({ hasText: text })
  await exchange.waitFor()
  return await exchange.innerText()
}
