// 8 tabs of Chromium through a proxy that loses 2 % of the responses and stalls some: how often do they refresh, and
// what do their callers see? `compare.ts` runs the same with other libraries.
import type { Page } from 'playwright-core'
import t from 'tap'
import { launchBrowser } from '../../fixtures/browser.ts'
import { certify } from '../../fixtures/openssl.ts'
import { measure } from './measure.ts'
import { tabCount } from './settings.ts'
import { openTabs, type Variant } from './tabs.ts'

t.setTimeout(200_000)
t.jobs = 3

const seconds = 60
const variants: Readonly<Record<string, Variant>> = {
  'by cookie': { client: 'ours' },
  'by bearer tokens in localStorage': { client: 'ours-bearer' },
  'without Web Locks': { client: 'ours', withoutLocks: true }
}
const quiet = { seed: 1, rates: { lost: 0, stalled2s: 0, stalled60s: 0 } }

const certified = certify(t.testdir(), 'proxy', 'DNS:localhost')
const browser = await launchBrowser()
t.teardown(() => browser.close())

for (const [name, variant] of Object.entries(variants)) {
  t.test(`8 tabs refresh once a lifetime, ${name}`, async (t) => {
    const figures = await measure(browser, { ...variant, certified, seconds })
    t.comment(JSON.stringify(figures))
    t.match(figures, { superfluous: 0, signOuts: 0, refused: 0, doubles: 0, phantoms: 0 })
    t.ok(figures.lostRefreshes >= 1, 'the response of a refresh was lost')
    t.ok(figures.lostResponses >= 1, 'other responses were lost')
    const { AuthUnavailable: unavailable = 0, ...errors } = figures.errors
    const failed = Object.values(errors).reduce((sum, count) => sum + count, 0)
    t.equal(failed, figures.lostResponses, 'no request failed but those whose response was lost')
    t.ok(unavailable >= 0)
  })
}

/** How a tab ends while it holds the lock. */
const ends: Readonly<Record<string, (page: Page) => Promise<unknown>>> = {
  'is closed': (page) => page.close(),
  crashes: async (page) => {
    const devtools = await page.context().newCDPSession(page)
    // It never responds.
    devtools.send('Page.crash').catch(() => {})
    await page.waitForEvent('crash')
  }
}

for (const [name, variant] of Object.entries(variants)) {
  for (const [what, end] of Object.entries(ends)) {
    t.test(`if the tab that refreshes ${what}, another one refreshes within 2 s, ${name}`, async (t) => {
      const { tabs, proxy, server, signOuts, open, run, close } = await openTabs(browser, {
        ...variant,
        ...certified,
        ...quiet
      })
      t.teardown(close)
      await open(tabCount)
      proxy.hold(true)
      const held = await proxy.nextRefresh()
      const next = proxy.nextRefresh()
      proxy.hold(false)
      const endedAt = performance.now()
      await end(tabs[held.tab]!)
      const { tab, at } = await next
      t.not(tab, held.tab)
      t.ok(at - endedAt < 2000, `after ${Math.round(at - endedAt)} ms`)
      tabs.splice(held.tab, 1)
      const tallies = await run({ seconds: 0.1, everyMs: 200, timeoutMs: 5000 })
      t.strictSame(
        tallies.map(({ statuses }) => statuses),
        tabs.map(() => ({ 200: 1 }))
      )
      t.equal(signOuts(), 0)
      t.equal(server.events['refresh-token-reused'], undefined)
    })
  }
}
