// A page whose API has another origin. To a browser, another port is the same site, and another host is not.
import t, { type Test } from 'tap'
import type { BrowserContext } from 'playwright-core'
import type { CookieOptions } from '../../../plugin/options/cookies.ts'
import { launchWithProfile } from '../../fixtures/browser.ts'
import { startSite } from '../../fixtures/client-site.ts'
import { openTab, until } from '../../fixtures/client-tab.ts'
import { allShow } from '../../fixtures/client-world.ts'

t.setTimeout(120_000)

interface Origins {
  /** Host of the page; that of the API is `localhost`. */
  readonly pageHost: string
  readonly cookies?: CookieOptions
  readonly exposedHeaders?: string
}

/** An API, a page of another origin in two tabs, and a server that is neither. */
async function createOrigins(t: Test, context: BrowserContext, { pageHost, cookies, exposedHeaders }: Origins) {
  const trusted = new Set<string>()
  const api = await startSite(t, {
    lifetimeSeconds: 3,
    plugin: { trustedOrigins: (origin: string) => trusted.has(origin), ...(cookies ? { cookies } : {}) },
    ...(exposedHeaders ? { exposedHeaders } : {})
  })
  const third = await startSite(t)
  const pages = await startSite(t, { host: pageHost, connect: `'self' ${api.url} ${third.url}` })
  trusted.add(pages.url)
  await context.clearCookies()
  const open = async (tab: string) => await openTab(context, { url: pages.url, tab, options: { baseUrl: api.url } })
  const [one, two] = [await open('one'), await open('two')]
  await one.signIn('alice')
  await allShow([one, two], 'alice')
  return { api, third, one, two }
}

t.test('the client of an API of another origin', async (t) => {
  // Chromium blocks third-party cookies by default.
  const preferences = { profile: { cookie_controls_mode: 0 } }
  const context = await launchWithProfile(t.testdir({ Default: { Preferences: JSON.stringify(preferences) } }))
  t.teardown(() => context.close())
  const cases: Record<string, Origins> = {
    'of the same site': { pageHost: 'localhost' },
    'of another site, with SameSite=None': { pageHost: '127.0.0.1', cookies: { sameSite: 'none' } }
  }
  for (const [name, origins] of Object.entries(cases)) {
    await t.test(`refreshes, repeats and signs out at an API ${name}`, async (t) => {
      const { api, third, one, two } = await createOrigins(t, context, origins)
      t.strictSame(await one.call('/private', { method: 'POST', body: 'text' }), { status: 200, text: 'alice' })
      await until(() => api.to('/auth/refresh').length >= 2)
      t.strictSame(await two.call('/private'), { status: 200, text: 'alice' })
      t.notOk(api.to('/private').some(({ status }) => status === 401))
      await one.page.evaluate(`story.auth.fetch('${third.url}/private').catch(() => {})`)
      t.strictSame(
        third.to('/private').map(({ hasCredentials, status }) => [hasCredentials, status]),
        [[false, 401]],
        'another server gets no credentials'
      )
      await one.signOut()
      await allShow([one, two], 'nobody')
      t.match(await two.call('/private'), { status: 401 })
      t.strictSame([await one.violations(), await two.violations()], [[], []])
    })
  }

  await t.test('waits as long as Retry-After says where the API exposes it', async (t) => {
    const { api, one, two } = await createOrigins(t, context, { pageHost: 'localhost', exposedHeaders: 'retry-after' })
    const restore = api.replace('/auth/refresh', (reply) => reply.code(503).header('retry-after', '30').send())
    await until(async () => (await one.call('/private')).error === 'AuthUnavailable')
    const { error, retryAfterMs } = await two.call('/private')
    t.comment(`Retry-After: 30, and retryAfterMs: ${retryAfterMs}`)
    t.equal(error, 'AuthUnavailable')
    t.ok(retryAfterMs! > 15_000 && retryAfterMs! < 60_000)
    t.equal(api.to('/auth/refresh').length, 1, 'one attempt of both tabs')
    restore()
    await one.page.evaluate("dispatchEvent(new Event('online'))")
    await until(async () => (await one.types()).includes('available'))
    t.strictSame(await one.call('/private'), { status: 200, text: 'alice' })
  })

  await t.test('tries again by itself where it cannot read Retry-After', async (t) => {
    const { api, one, two } = await createOrigins(t, context, { pageHost: 'localhost' })
    const restore = api.replace('/auth/refresh', (reply) => reply.code(503).header('retry-after', '30').send())
    await until(() => api.to('/auth/refresh').length >= 2)
    restore()
    await until(async () => (await one.types()).includes('available'))
    t.strictSame(await one.call('/private'), { status: 200, text: 'alice' })
    t.strictSame(await two.call('/private'), { status: 200, text: 'alice' })
  })
})
