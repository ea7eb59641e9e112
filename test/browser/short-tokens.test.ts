import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { launchBrowser, skipWithoutBrowser } from '../fixtures/browser.ts'
import { startServer } from '../fixtures/example-server.ts'
import { createVisitor, signedInAs, signUp } from '../fixtures/visitor.ts'

t.setTimeout(600_000)

t.test('with access tokens of four seconds', skipWithoutBrowser, async (t) => {
  const browser = await launchBrowser()
  t.teardown(() => browser.close())
  const { url } = await startServer(t, { DATA_DIR: join(t.testdir(), 'data'), ACCESS_TOKEN_SECONDS: '4' })

  // The cases mostly wait for tokens to expire, so they run at the same time.
  t.jobs = 3
  const testCase = (name: string, run: (t: Test) => Promise<void>) => t.test(name, { buffered: true }, run)

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
