// The client in the pages of a browser, where clocks are wrong, users follow each other, and machines sleep.
import type { Browser } from 'playwright-core'
import t, { type Test } from 'tap'
import { launchBrowser, skipWithoutBrowser } from '../fixtures/browser.ts'
import { settableClock, stoppableTimers, until, type Tab } from '../fixtures/client-tab.ts'
import { allShow, createWorld } from '../fixtures/client-world.ts'

t.setTimeout(600_000)

const hour = 3600

t.test('the client', skipWithoutBrowser, async (t) => {
  const browser = await launchBrowser({ keepsPages: true })
  t.teardown(() => browser.close())
  t.jobs = 4
  const story = (name: string, run: (t: Test) => Promise<void>) => t.test(name, { buffered: true }, run)

  for (const [name, seconds] of Object.entries({ ahead: hour, behind: -hour })) {
    story(`refreshes in time with a clock that is an hour ${name}, and is set while the page is open`, async (t) => {
      const before = settableClock(seconds)
      const { site, one: tab } = await createWorld(t, browser, { tabs: 1, tab: { before }, lifetimeSeconds: 2 })
      const refreshes = () => site.to('/auth/refresh').length
      for (const next of [seconds, -seconds, 0]) {
        await tab.setClock(next)
        const before = refreshes()
        while (refreshes() === before) t.match(await tab.call('/private'), { status: 200 })
      }
      t.equal(await tab.user(), 'alice')
      t.strictSame(
        (await tab.types()).filter((type) => type !== 'refreshed'),
        ['signed-out', 'signed-in']
      )
      t.ok(refreshes() < 20, `${refreshes()} refreshes, and no storm`)
    })
  }

  story('refreshes once for all tabs before the first request after eight hours of sleep', async (t) => {
    const { site, tabs } = await createWorld(t, browser, { tabs: 3, tab: { before: settableClock() } })
    // Timers and the monotonic clock stand still while the machine sleeps. The server's clock and the date do not.
    site.advance(8 * hour)
    await Promise.all(tabs.map((tab) => tab.setClock(8 * hour)))
    const outcomes = await Promise.all(tabs.map((tab) => tab.call('/private', { method: 'POST' })))
    t.strictSame(
      outcomes,
      tabs.map(() => ({ status: 200, text: 'alice' }))
    )
    t.strictSame(
      site.to('/private').map(({ status }) => status),
      [200, 200, 200]
    )
    t.equal(site.to('/auth/refresh').length, 1)
  })

  story('shows a sign-out in another tab, without a request or a timer there', async (t) => {
    const { site, one, two } = await createWorld(t, browser, { tabs: 2, tab: { before: stoppableTimers } })
    const requestsOfTwo = () => site.requests.filter(({ tab }) => tab === two.name).length
    await two.page.evaluate('stopTimers()')
    const before = requestsOfTwo()
    await one.signOut()
    await allShow([two], 'nobody')
    t.equal((await two.types()).at(-1), 'signed-out')
    t.equal(requestsOfTwo(), before)
  })

  testTwoUsers(story, browser)
  testKeptPages(story, browser)
  testLateResponse(story, browser)

  story('keeps the user while the machine is offline, and refreshes afterwards', async (t) => {
    const { context, one: tab } = await createWorld(t, browser, { tabs: 1, tab: { before: settableClock() } })
    await context.setOffline(true)
    await tab.setClock(hour)
    await tab.start('/private', { method: 'POST', body: 'text' })
    await until(async () => (await tab.types()).includes('unavailable'))
    t.equal(await tab.user(), 'alice')
    await context.setOffline(false)
    await until(async () => (await tab.started())[0]!.outcome !== null)
    t.strictSame((await tab.started())[0]!.outcome, { status: 200, text: 'alice' })
    await until(async () => (await tab.types()).includes('available'))
    const types = (await tab.types()).filter((type) => type !== 'refreshed')
    t.strictSame(types, ['signed-out', 'signed-in', 'unavailable', 'available'])
  })

  story('needs no more than script-src and connect-src of a Content-Security-Policy', async (t) => {
    const { one, two } = await createWorld(t, browser, { tabs: 2 })
    t.match(await one.call('/private'), { status: 200 })
    await one.signOut()
    await allShow([two], 'nobody')
    t.strictSame([await one.violations(), await two.violations()], [[], []])
    await one.page.evaluate("try { document.body.innerHTML = '<p>' } catch {}")
    await until(async () => (await one.violations()).length > 0)
    t.strictSame(await one.violations(), ['require-trusted-types-for trusted-types-sink'], 'the policy is in force')
  })
})

type World = Awaited<ReturnType<typeof createWorld>>
type Story = (name: string, run: (t: Test) => Promise<void>) => unknown

interface Successor {
  readonly path: string
  readonly place?: 'request' | 'response'
  readonly method?: 'GET' | 'POST'
  /** The tab in which Alice signs out and Bob signs in. */
  readonly in: 'one' | 'two'
  /** The access token expires at the server while the request is on its way. */
  readonly expires?: boolean
  /** Bob signs in without a sign-out of Alice. */
  readonly isAbrupt?: boolean
}

/** Alice's request is on its way while she signs out and Bob signs in. */
function testTwoUsers(story: Story, browser: Browser): void {
  const cases: Record<string, Successor> = {
    'a request that the server has not read': { path: '/private', in: 'two' },
    'a request that the server has not read, in the same tab': { path: '/private', in: 'one' },
    'a request that the server has not read, without a sign-out': { path: '/private', in: 'two', isAbrupt: true },
    'a request whose token expires on its way': { path: '/private', in: 'two', expires: true },
    'a request with a body, whose response is on its way': {
      path: '/private',
      place: 'response',
      method: 'POST',
      in: 'two'
    },
    'a response whose body is on its way': { path: '/stream', in: 'two' },
    'a response whose body is on its way, in the same tab': { path: '/stream', in: 'one' }
  }
  for (const transport of ['cookie', 'bearer']) {
    story(`does not pass a response to the next user, with the transport ${transport}`, async (t) => {
      const world = await createWorld(t, browser, { tabs: 2, tab: { options: { transport } } })
      for (const [name, successor] of Object.entries(cases)) await t.test(name, (t) => succeed(t, world, successor))
    })
  }

  story('does not send a request of Alice, which waited for a refresh, as Bob', async (t) => {
    const { site, one, two } = await createWorld(t, browser, { tabs: 2, tab: { before: settableClock() } })
    const hold = site.hold('/auth/refresh')
    await one.setClock(hour)
    await one.start('/private', { method: 'POST', body: 'of alice' })
    await until(() => hold.count() === 1)
    await two.signOut()
    await two.signIn('bob')
    await allShow([one], 'bob')
    hold.release()
    await until(async () => (await one.started())[0]!.outcome !== null)
    t.strictSame((await one.started())[0]!.outcome, { error: 'AbortError' })
    t.strictSame(site.to('/private'), [])
    for (const tab of [one, two]) {
      t.strictSame(await tab.call('/private'), { status: 200, text: 'bob' }, 'Bob stays signed in')
    }
  })
}

/** Bob follows Alice while her request is on its way, and she follows him afterwards. */
async function succeed(t: Test, { site, one, two }: World, successor: Successor): Promise<void> {
  const { path, place = 'request', method = 'GET', in: where, expires, isAbrupt } = successor
  const before = site.to(path).length
  const hold = path === '/stream' ? null : site.hold(path, place)
  await one.start(path, method === 'POST' ? { method, body: 'of alice' } : { method })
  await until(async () => (hold ? hold.count() === 1 : (await one.started()).at(-1)!.hasResponse))
  if (expires) site.advance(601)
  const other = { one, two }[where]
  if (!isAbrupt) await other.signOut()
  await other.signIn('bob')
  await allShow([one, two], 'bob')
  hold?.release()
  await until(async () => (await one.started()).at(-1)!.outcome !== null)
  t.strictSame((await one.started()).at(-1)!.outcome, { error: 'AbortError' })
  t.equal(site.to(path).length, before + 1, 'the request is not repeated')
  for (const tab of [one, two]) {
    t.strictSame(await tab.call('/private'), { status: 200, text: 'bob' }, 'Bob stays signed in')
  }
  await one.signOut()
  await one.signIn('alice')
  await allShow([one, two], 'alice')
}

interface Absence {
  /** What happens while the page is in the back/forward cache. */
  readonly meanwhile: (elsewhere: Tab['page'], other: Tab) => Promise<unknown>
  /** Who is signed in when the page returns. */
  readonly then: string
}

/** A script for a page without the client. */
const post = (path: string, body = '{}') =>
  `fetch('${path}', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '${body}' })`

/** The user leaves Alice's page by a link, and returns with the browser's "back". */
function testKeptPages(story: Story, browser: Browser): void {
  const cases: Record<string, Absence> = {
    'nothing happened': { meanwhile: async () => {}, then: 'alice' },
    'the user signed out in another tab': { meanwhile: (_elsewhere, other) => other.signOut(), then: 'nobody' },
    'another user signed in in another tab': {
      meanwhile: async (_elsewhere, other) => {
        await other.signOut()
        await other.signIn('bob')
      },
      then: 'bob'
    },
    'the user signed out on a page without the client': {
      meanwhile: (elsewhere) => elsewhere.evaluate(post('/auth/logout')),
      then: 'nobody'
    },
    'another user signed in on a page without the client': {
      meanwhile: (elsewhere) => elsewhere.evaluate(post('/auth/login', '{"sub":"bob","transport":"cookie"}')),
      then: 'bob'
    }
  }
  for (const transport of ['cookie', 'bearer']) {
    story(`shows the right user on a page of the back/forward cache, with the transport ${transport}`, async (t) => {
      const world = await createWorld(t, browser, { tabs: 2, tab: { options: { transport } } })
      for (const [name, absence] of Object.entries(cases)) {
        const isPossible = transport === 'cookie' || !name.includes('without the client')
        if (isPossible) await t.test(name, (t) => leaveAndReturn(t, world, absence))
      }
    })
  }
}

/** A response that arrives while the page is in the back/forward cache. */
function testLateResponse(story: Story, browser: Browser): void {
  story('does not pass a response to the next user of a page of the back/forward cache', async (t) => {
    const { site, one } = await createWorld(t, browser, { tabs: 1 })
    const hold = site.hold('/private', 'response')
    await one.start('/private')
    await until(() => hold.count() === 1)
    await one.page.goto(`${site.url}/elsewhere`)
    await one.page.evaluate(post('/auth/login', '{"sub":"bob","transport":"cookie"}'))
    hold.release()
    await goBack(one)
    await allShow([one], 'bob')
    // The browser may also have dropped the page, and loaded it again.
    const restored = (await one.types()).includes('restored')
    await until(async () => !restored || (await one.started())[0]!.outcome !== null)
    t.strictSame(
      (await one.started()).map(({ outcome }) => outcome),
      restored ? [{ error: 'AbortError' }] : []
    )
  })
}

async function leaveAndReturn(t: Test, { site, one, two }: World, { meanwhile, then }: Absence): Promise<void> {
  await two.signIn('alice')
  await allShow([one], 'alice')
  t.match(await one.call('/private'), { status: 200 })
  const { length: before } = await one.events()
  await one.page.goto(`${site.url}/elsewhere`)
  await meanwhile(one.page, two)
  await goBack(one)
  await until(async () => (await one.user()) !== 'unknown')
  t.equal(await one.user(), then)
  const events = (await one.events()).slice(before)
  t.match(events[0], { type: 'signed-out', user: 'unknown' }, 'the page hides the user before it is kept')
  t.ok(
    events.some(({ type }) => type === 'restored'),
    'the browser has kept the page'
  )
  t.strictSame(
    events.filter(({ user }) => user !== 'unknown' && user !== then),
    [],
    'and it shows no other user'
  )
  const signIns = events.filter(({ type }) => type === 'signed-in')
  t.equal(signIns.length, then === 'nobody' ? 0 : 1)
  const reasons = await one.page.evaluate("performance.getEntriesByType('navigation')[0].notRestoredReasons")
  t.equal(reasons, null, 'nothing on the page prevents it')
  if (then !== 'nobody') t.strictSame(await one.call('/private'), { status: 200, text: then })
}

/** Does not use `page.goBack()`, which waits for a load that does not happen. */
async function goBack({ page }: Tab): Promise<void> {
  await page.evaluate('history.back()').catch(() => {})
  await until(() => page.url().includes('tab='))
  await until(async () => await page.evaluate("typeof story === 'object'").catch(() => false))
}
