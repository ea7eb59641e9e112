import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Page, Request, Route } from 'playwright-core'
import t, { type Test } from 'tap'
import { launchBrowser, skipWithoutBrowser } from '../fixtures/browser.ts'
import { password } from '../fixtures/example-client.ts'
import { startServer } from '../fixtures/example-server.ts'
import { look } from '../fixtures/looks.ts'
import {
  addNote,
  announcement,
  button,
  createVisitor,
  openLesson,
  signedInAs,
  signIn,
  signInForm,
  signUp,
  submit
} from '../fixtures/visitor.ts'

t.setTimeout(600_000)

t.test('the page', skipWithoutBrowser, async (t) => {
  const folder = t.testdir()
  const browser = await launchBrowser()
  t.teardown(() => browser.close())
  const { url, output } = await startServer(t, { DATA_DIR: join(folder, 'data'), LOG_LEVEL: 'info' })
  // Each case has its own users and browser context, so that they can run at the same time.
  t.jobs = 4
  const testCase = (name: string, run: (t: Test) => Promise<void>) => t.test(name, { buffered: true }, run)

  testCase('signs up, signs out, signs in by cookie, and stays signed in after a reload', async (t) => {
    const { context, openTab } = await createVisitor(t, { browser, url })
    const messages: string[] = []
    context.on('console', (message) => messages.push(message.text()))
    const page = await openTab()
    await signInForm(page).waitFor()
    await look(t, page, 'signed-out')
    t.strictSame(messages, [], 'nothing in the console, also of a refusal')
    await submit(page, { action: 'Sign up', username: '-bob' })
    await page.getByText('A username has 2 to 32 letters, digits').waitFor()
    await signUp(page, 'bob')
    await button(page, 'Sign out').first().click()
    await signInForm(page).waitFor()
    t.same(await context.cookies(), [], 'no cookie is left')
    await submit(page, { action: 'Sign up', username: 'bob' })
    await page.getByText('This username is taken.').waitFor()
    await button(page, 'Sign in instead').click()
    await submit(page, { action: 'Sign in', username: 'bob', given: 'a wrong password' })
    await page.locator('#sign-in-message').getByText('The username or the password is wrong.').waitFor()
    await signIn(page, 'bob')
    await page.reload()
    await signedInAs(page, 'bob').waitFor()
    t.notOk(await signInForm(page).isVisible())

    const cookies = await context.cookies()
    t.same(cookies.map(({ name }) => name).sort(), ['__Host-access', '__Host-refresh'])
    t.ok(cookies.every(({ httpOnly, secure, sameSite }) => httpOnly && secure && sameSite === 'Lax'))
    t.equal(await page.evaluate('document.cookie'), '', 'scripts see no cookie')
    t.strictSame(await page.evaluate('Object.keys({ ...localStorage, ...sessionStorage })'), ['lessons-done'])
  })

  testCase('keeps the user signed in after the browser is closed, unless asked not to', async (t) => {
    const { context, openTab } = await createVisitor(t, { browser, url })
    const page = await openTab()
    const stay = page.getByRole('checkbox', { name: 'Stay signed in' })
    const areKept = async () => (await context.cookies()).map(({ expires }) => expires > 0)
    await signUp(page, 'alma')
    t.strictSame(await areKept(), [true, true])
    await button(page, 'Sign out').first().click()
    await stay.uncheck()
    await signIn(page, 'alma')
    t.strictSame(await areKept(), [false, false])
    await button(page, 'Sign out').first().click()
    t.ok(await stay.isChecked(), 'the choice is not that of the next user')
  })

  testCase('acts once for a double click, and shows a button as disabled while its request runs', async (t) => {
    const { context, openTab } = await createVisitor(t, { browser, url })
    const page = await openTab()
    await signUp(page, 'boris')
    const sent: string[] = []
    const hold = { until: Promise.resolve() }
    /** Not a list that is read again: the page may abort that, and it is not what the click does. */
    const isOfClick = (request: Request) => {
      const isLessons = request.postData()?.includes('refresh_token') ?? false
      const isReload = request.method() === 'GET' && request.headers().authorization === undefined
      return !isLessons && !isReload
    }
    await context.route(isAction, async (route) => {
      const request = route.request()
      if (isOfClick(request)) sent.push(`${request.method()} ${new URL(request.url()).pathname}`)
      await hold.until
      await route.continue()
    })
    /** Double-clicks, waits until the request was sent, and looks at the button before the response arrives. */
    const act = async (label: string, slow: boolean) => {
      sent.length = 0
      let letGo = () => {}
      if (slow) hold.until = new Promise((resolve) => (letGo = resolve))
      const pressed = button(page, label).first()
      const request = page.waitForRequest((one) => isAction.test(one.url()) && isOfClick(one))
      await pressed.dblclick()
      const response = (await request).response()
      if (slow) {
        t.ok(await pressed.isDisabled(), `${label}: disabled`)
        t.equal(await page.evaluate('document.activeElement.textContent'), label, 'and keeps the focus')
        await pressed.dispatchEvent('click')
      }
      letGo()
      await (await response)!.finished()
      hold.until = Promise.resolve()
    }
    for (const slow of [false, true]) {
      await addNote(page, 'Water the plants')
      await page.getByLabel('New note').fill('Buy milk')
      await act('Add', slow)
      await page.getByRole('listitem').filter({ hasText: 'Buy milk' }).first().waitFor()
      t.strictSame(sent, ['POST /notes'])
      await act('Delete', slow)
      t.match(sent, [/^DELETE \/notes\//], 'and not the row that has moved up')
      t.equal(sent.length, 1)
      await openLesson(page, 'use-it')
      await act('Send it in a header', slow)
      await page.getByRole('article').first().waitFor()
      t.strictSame(sent, ['POST /auth/login', 'GET /me'])
      await act('Sign out', slow)
      await signInForm(page).waitFor()
      t.strictSame(sent, ['POST /auth/logout'])
      await signIn(page, 'boris')
    }
  })

  testCase('says that it did not load when one of its modules is missing, and loads again', async (t) => {
    for (const path of ['**/page/notes.js', '**/page/page.js', '**/client/index.js']) {
      const { context, openTab } = await createVisitor(t, { browser, url, serverStops: true })
      await context.route(path, (route) => route.abort())
      const page = await openTab()
      await page.getByRole('alert').filter({ hasText: 'A part of this page did not load' }).waitFor()
      t.notOk(await page.getByText('Asking the server').isVisible(), path)
      if (path === '**/page/notes.js') await look(t, page, 'not-loaded')
      await context.unrouteAll()
      await page.getByRole('link', { name: 'Load it again' }).click()
      await signInForm(page).waitFor()
    }
  })

  testCase('signs out without a click when "Sign out everywhere else" is clicked on another device', async (t) => {
    const [one, other] = [await createVisitor(t, { browser, url }), await createVisitor(t, { browser, url })]
    const [here, there] = [await one.openTab(), await other.openTab()]
    await signUp(here, 'carol')
    const heard: unknown[] = []
    const isLive = new Promise<void>((resolve) => {
      there.on('websocket', (socket) =>
        socket.on('framereceived', ({ payload }) => {
          heard.push(JSON.parse(String(payload)).type)
          resolve()
        })
      )
    })
    await signIn(there, 'carol')
    await isLive
    await here.reload()
    await addNote(here, 'Water the plants')
    await look(t, here, 'signed-in')
    await button(here, 'Sign out everywhere else').click()
    await signInForm(there).waitFor()
    t.strictSame(heard, ['signed-in', 'session-ended'], 'the server announces it')
    await there.getByText('This device has been signed out').waitFor()
    t.ok(await signedInAs(here, 'carol').isVisible())
    t.notOk(await button(here, 'Sign out everywhere else').isEnabled(), 'no other device is left')

    await signIn(there, 'carol')
    await here.reload()
    await here
      .getByRole('listitem')
      .filter({ hasNotText: 'This device' })
      .getByRole('button', { name: 'Sign out' })
      .click()
    await signInForm(there).waitFor()
  })

  testCase('signs all tabs of the browser in and out together, and stays signed in when all refresh', async (t) => {
    const { openTab } = await createVisitor(t, { browser, url })
    const [one, other] = [await openTab(), await openTab()]
    await signUp(one, 'dora')
    await signedInAs(other, 'dora').waitFor()
    const tabs = [one, other, await openTab()]
    await Promise.all(tabs.map((tab) => signedInAs(tab, 'dora').waitFor()))
    const refresh = "fetch('/auth/refresh', { method: 'POST' }).then(({ status }) => status)"
    t.strictSame(await Promise.all(tabs.map((tab) => tab.evaluate(refresh))), [200, 200, 200])
    await one.reload()
    await Promise.all(tabs.map((tab) => signedInAs(tab, 'dora').waitFor()))
    await button(other, 'Sign out').first().click()
    await Promise.all(tabs.map((tab) => signInForm(tab).waitFor()))
  })

  testCase('says in each tab of the browser that the user has signed out, as news and not as an error', async (t) => {
    const { openTab } = await createVisitor(t, { browser, url })
    const tabs = [await openTab(), await openTab()]
    await signUp(tabs[0]!, 'doris')
    await signedInAs(tabs[1]!, 'doris').waitFor()
    const said = tabs.map((tab) => announcement(tab, 'Signed out.'))
    await button(tabs[0]!, 'Sign out').first().click()
    await Promise.all(said)
    for (const tab of tabs) t.equal(await tab.locator('#sign-in-message').textContent(), '')
  })

  testCase('keeps the draft of a note for the same user when the session ends elsewhere', async (t) => {
    const { context, openTab } = await createVisitor(t, { browser, url })
    const page = await openTab()
    const draft = page.getByLabel('New note')
    const liveAfter = async (act: () => Promise<void>) => {
      const heard = page.waitForEvent('websocket').then((socket) => socket.waitForEvent('framereceived'))
      await act()
      await heard
    }
    const endElsewhere = async () => {
      await context.request.post(`${url}/auth/logout`)
      await page.getByText('This device has been signed out').waitFor()
    }
    await liveAfter(() => signUp(page, 'dunja'))
    await draft.fill('A long thought')
    await endElsewhere()
    t.equal(await page.locator('#note-text').inputValue(), '', 'a form that nobody can see is empty')
    await liveAfter(() => signIn(page, 'dunja'))
    t.equal(await draft.inputValue(), 'A long thought')
    await endElsewhere()
    await signUp(page, 'egon')
    t.equal(await draft.inputValue(), '', 'another user does not see it')
    await button(page, 'Sign out').first().click()
    await signIn(page, 'dunja')
    t.equal(await draft.inputValue(), '', 'and it is not kept after that')
    await draft.fill('Another thought')
    await button(page, 'Sign out').first().click()
    await signIn(page, 'dunja')
    t.equal(await draft.inputValue(), '', 'who signs out leaves nothing')
  })

  testCase('renews the access token once for three tabs, without a visible break', async (t) => {
    const { context, openTab } = await createVisitor(t, { browser, url })
    await context.addInitScript({ content: hastenTime })
    const first = await openTab()
    await signUp(first, 'bruno')
    const tabs = [first, await openTab(), await openTab()]
    const heard = new Set<unknown>()
    for (const tab of tabs) {
      await signedInAs(tab, 'bruno').waitFor()
      await tab.evaluate(watchForBreaks)
      tab.on('websocket', (socket) =>
        socket.on('framereceived', ({ payload }) => heard.add(JSON.parse(String(payload)).type))
      )
    }
    const refreshes: { status: number; date: string | undefined }[] = []
    await new Promise<void>((resolve) => {
      context.on('response', (response) => {
        if (response.url() !== `${url}/auth/refresh`) return
        refreshes.push({ status: response.status(), date: response.headers().date })
        if (refreshes.length === 3) resolve()
      })
    })
    t.strictSame(
      refreshes.map(({ status }) => status),
      [200, 200, 200]
    )
    // A token lasts for 4 s, so two refreshes within the same second would be for the same token.
    t.equal(new Set(refreshes.map(({ date }) => date)).size, 3, 'one refresh a token, of all tabs together')
    t.strictSame([...heard], ['signed-in'], 'no socket has outlived its access token')
    for (const tab of tabs) {
      t.ok(await signedInAs(tab, 'bruno').isVisible())
      t.strictSame(await tab.evaluate('breaks'), [])
    }
  })

  testCase('sends no additional requests if the clock of the machine is an hour wrong', async (t) => {
    const { context, openTab } = await createVisitor(t, { browser, url })
    await context.addInitScript({ content: hastenTime + advanceClock })
    const tab = await openTab()
    const isLive = tab.waitForEvent('websocket')
    await signUp(tab, 'edgar')
    await isLive
    const left = tab.locator('#account-left')
    t.match(await left.textContent(), /^(10|\d) min \d+ s$/)
    const sent: string[] = []
    tab.on('request', (request) => sent.push(new URL(request.url()).pathname))
    tab.on('websocket', () => sent.push('/live'))
    await Promise.all([tab.waitForRequest(`${url}/auth/refresh`), tab.waitForEvent('websocket')])
    t.strictSame(
      sent.filter((path) => ['/page/me', '/auth/refresh', '/live'].includes(path)),
      ['/auth/refresh', '/live']
    )
    t.match(await left.textContent(), /^(10|\d) min \d+ s$/, 'the bar is full again')
  })

  testCase('can be used by keyboard alone', async (t) => {
    const { openTab } = await createVisitor(t, { browser, url })
    const page = await openTab()
    await signUp(page, 'frida')
    await button(page, 'Sign out').first().click()
    await signInForm(page).waitFor()
    const username = page.locator('#sign-in-form').getByLabel('Username')
    await username.press('Tab')
    t.equal(await page.evaluate('document.activeElement.name'), 'password')
    await username.focus()
    await page.keyboard.type('frida')
    await page.keyboard.press('Tab')
    await page.keyboard.type(password)
    await page.keyboard.press('Enter')
    await signedInAs(page, 'frida').waitFor()
    t.equal(await page.evaluate('document.activeElement.id'), 'account-title', 'where a screen reader continues')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await signInForm(page).waitFor()
    t.equal(await page.evaluate('document.activeElement.name'), 'username')
  })

  testCase('keeps the user signed in while the server responds with 503, and continues afterwards', async (t) => {
    const { context, openTab } = await createVisitor(t, { browser, url, serverStops: true })
    await signUp(await openTab(), 'gustav')
    let requests = 0
    await context.route('**/me', async (route) => {
      requests++
      await route.fulfill({ ...unavailable, json: { statusCode: 503, code: 'AUTH_STORE_UNAVAILABLE' } })
    })
    const page = await openTab()
    await page.getByRole('alert').filter({ hasText: 'not available' }).waitFor()
    await page.waitForResponse('**/me')
    t.ok(requests >= 2, 'it tries again')
    t.notOk(await signInForm(page).isVisible())
    await context.unroute('**/me')
    await signedInAs(page, 'gustav').waitFor()
    await page.getByRole('alert').filter({ hasText: 'not available' }).waitFor({ state: 'hidden' })
  })

  testCase('keeps nothing of a user for the next: no typed text, no token', async (t) => {
    const { openTab } = await createVisitor(t, { browser, url })
    const page = await openTab()
    const typed = () =>
      page.evaluate("[...document.querySelectorAll('input')].map(({ value }) => value).filter(Boolean)")
    const before = await typed()
    await signUp(page, 'hanna')
    await openLesson(page, 'use-it')
    await button(page, 'Send it in a header').click()
    await page.getByRole('article').first().waitFor()
    await page.getByLabel('New note').fill('A draft of hanna')
    await button(page, 'Sign out').first().click()
    await signInForm(page).waitFor()
    t.strictSame(await typed(), before)
    t.notMatch(await page.evaluate('document.body.textContent'), 'hanna')
    t.equal(await page.getByRole('article').count(), 0, 'no request and no response is left')
  })

  testCase('drops a response that arrives after its user has signed out', async (t) => {
    const { openTab } = await createVisitor(t, { browser, url })
    const page = await openTab()
    await signUp(page, 'ines')
    await addNote(page, 'Call the dentist')
    const late = holdNext(page, '**/notes')
    await page.evaluate("dispatchEvent(new Event('focus'))")
    await late.isThere
    await button(page, 'Sign out').first().click()
    await signUp(page, 'jan')
    await late.release()
    t.notMatch(await page.locator('#note-list').textContent(), /Call the dentist/)
  })

  testCase('shows who signed in last, although an earlier response arrives later', async (t) => {
    const { openTab } = await createVisitor(t, { browser, url })
    const [page, other] = [await openTab(), await openTab()]
    await signUp(page, 'karla')
    await signedInAs(other, 'karla').waitFor()
    const late = holdNext(page, '**/me')
    await button(other, 'Sign out').first().click()
    await late.isThere
    await signUp(other, 'lars')
    await signedInAs(page, 'lars').waitFor()
    await late.release()
    t.ok(await signedInAs(page, 'lars').isVisible())
  })

  testCase('keeps the user signed in when a proxy responds instead of the server', async (t) => {
    const { context, openTab } = await createVisitor(t, { browser, url, serverStops: true })
    const page = await openTab()
    await signUp(page, 'mona')
    const expired = { status: 401, json: { statusCode: 401, code: 'AUTH_EXPIRED_TOKEN' } }
    const byProxy = {
      status: 403,
      contentType: 'text/html',
      headers: { 'retry-after': '0.2' },
      body: '<h1>Access denied</h1>'
    }
    const cases = [
      { '**/me': { status: 401, json: { error: 'log in to the proxy' } } },
      { '**/me': expired, '**/auth/refresh': byProxy },
      { '**/me': { ...byProxy, status: 200 } }
    ]
    for (const responses of cases) {
      for (const [path, response] of Object.entries(responses)) {
        await context.route(path, async (route) => await route.fulfill(response))
      }
      await page.reload()
      await page.getByRole('alert').filter({ hasText: 'not available' }).waitFor()
      t.notOk(await signInForm(page).isVisible())
      await context.unrouteAll()
    }
    await signedInAs(page, 'mona').waitFor()
  })

  testCase('says that a sign-out has failed, and asks the server once at a time afterwards', async (t) => {
    const { context, openTab } = await createVisitor(t, { browser, url, serverStops: true })
    const page = await openTab()
    await signUp(page, 'nils')
    let isCounting = false
    const counts = { pending: 0, maxPending: 0, all: 0 }
    await context.route(/\/(me|auth\/logout)$/, async (route) => {
      if (isCounting && route.request().url().endsWith('/me')) {
        counts.all++
        counts.maxPending = Math.max(counts.maxPending, ++counts.pending)
        // Longer than the page waits before it tries again: a second loop would send a request meanwhile.
        await page.evaluate('new Promise((resolve) => setTimeout(resolve, 300))')
        counts.pending--
      }
      await route.fulfill(unavailable)
    })
    for (let click = 0; click < 5; click++) await button(page, 'Sign out').first().click()
    await announcement(page, 'You are still signed in.')
    isCounting = true
    while (counts.all < 3) await page.waitForRequest('**/me')
    t.equal(counts.maxPending, 1)
    await context.unrouteAll({ behavior: 'wait' })
    await page.getByRole('alert').filter({ hasText: 'not available' }).waitFor({ state: 'hidden' })
    await context.request.post(`${url}/auth/logout`)
    await page.getByText('This device has been signed out').waitFor()
  })

  testCase('shows nothing of a former user when the browser restores it while the server is down', async (t) => {
    const { context, openTab } = await createVisitor(t, { browser, url, serverStops: true })
    const page = await openTab()
    await signUp(page, 'olga')
    await addNote(page, 'Feed the cat')
    await context.route('**/me', async (route) => await route.fulfill(unavailable))
    // Playwright's browsers do not cache pages: these are the events of a page that is cached and restored.
    await page.evaluate(
      "for (const type of ['pagehide', 'pageshow']) dispatchEvent(new PageTransitionEvent(type, { persisted: true }))"
    )
    await page.getByText('Asking the server who is signed in').waitFor()
    await page.getByRole('alert').filter({ hasText: 'not available' }).waitFor()
    t.notMatch(await page.evaluate('document.body.textContent'), /olga|Feed the cat/)
    await context.clearCookies()
    await context.unrouteAll()
    await signInForm(page).waitFor()
  })

  testCase('of another origin cannot post a note, sign in or sign out, although cookies are sent', async (t) => {
    const { context, openTab } = await createVisitor(t, { browser, url, hasForeignPage: true })
    const page = await openTab()
    await signUp(page, 'paul')
    await addNote(page, 'Paul was here')
    const before = await context.cookies()
    const foreign = createServer((_request, response) =>
      response
        .setHeader('content-type', 'text/html')
        .end('<!doctype html><link rel="icon" href="data:,"><title>Prizes</title>')
    )
    foreign.listen(0, '127.0.0.1')
    await once(foreign, 'listening')
    t.teardown(() => {
      foreign.closeAllConnections()
      foreign.close()
    })
    const attacker = await context.newPage()
    const origin = `http://127.0.0.1:${(foreign.address() as AddressInfo).port}`
    await attacker.goto(origin)

    const login = JSON.stringify({ username: 'mallory', password: 'of mallory', transport: 'cookie' })
    for (const [path, body] of [
      ['/notes', JSON.stringify({ text: 'forged' })],
      ['/auth/login', login],
      ['/auth/logout', null]
    ] as const) {
      // The browser does not let the attacker read the response; the server's log shows it.
      await attacker.evaluate(
        async ({ target, body }) => {
          await fetch(target, { method: 'POST', mode: 'no-cors', credentials: 'include', body }).catch(() => {})
        },
        { target: `${url}${path}`, body }
      )
      // Without cookies, a note would be 401 and a sign-out 204: SameSite ignores the port.
      t.strictSame(await refusalInLog(output, { path, origin }), [403, 'AUTH_CROSS_SITE'], path)
    }
    await page.reload()
    await signedInAs(page, 'paul').waitFor()
    await page.getByText('Paul was here').waitFor()
    t.equal(await page.getByText('forged').count(), 0)
    t.strictSame(await context.cookies(), before)
  })

  testCase('keeps the user signed in while the server restarts, and shows the notes afterwards', async (t) => {
    const env = { DATA_DIR: join(folder, 'restarted') }
    const first = await startServer(t, env)
    const { openTab } = await createVisitor(t, { browser, url: first.url, serverStops: true })
    const page = await openTab()
    await signUp(page, 'bob')
    await addNote(page, 'Outlive a restart')
    await first.stop()
    await page.getByRole('alert').filter({ hasText: 'You stay signed in.' }).waitFor()
    t.ok(await signedInAs(page, 'bob').isVisible())
    t.notOk(await signInForm(page).isVisible())
    await look(t, page, 'unavailable')

    await startServer(t, { ...env, PORT: new URL(first.url).port })
    await page.getByRole('alert').filter({ hasText: 'not available' }).waitFor({ state: 'hidden' })
    t.ok(await signedInAs(page, 'bob').isVisible())
    await page.reload()
    await page.getByText('Outlive a restart').waitFor()
  })
})

/** The requests that buttons send. */
const isAction = /\/(notes|notes\/[^/]+|me|auth\/(login|logout))$/

const unavailable = { status: 503, headers: { 'retry-after': '0.2' } }

/** For the page, a minute lasts 0.4 s, so that an access token lasts 4 s instead of 600 s. */
const hastenTime = `
  const { setTimeout } = window
  window.setTimeout = (work, ms) => setTimeout(work, ms < 1000 ? ms : ms / 150)
  const { now } = Date
  Date.now = () => ${Date.now()} + (now() - ${Date.now()}) * 150
`

const advanceClock = `
  const { now: hastened } = Date
  Date.now = () => hastened() + 3_600_000
`

/** Notes if a section appears or disappears, as it does when nobody is signed in or the server is down. */
const watchForBreaks = `
  breaks = []
  const observer = new MutationObserver(([{ target }]) => breaks.push(target.id))
  for (const id of ['account', 'sign-in', 'unavailable']) {
    observer.observe(document.getElementById(id), { attributeFilter: ['hidden'] })
  }
`

/** Holds the next response back. `isThere` resolves when it has arrived, `release()` when the page has handled it. */
function holdNext(page: Page, path: string) {
  let letGo = () => {}
  const released = new Promise<void>((resolve) => {
    letGo = resolve
  })
  let isHandled: Promise<unknown> = Promise.resolve()
  const isThere = new Promise<void>((resolve, reject) => {
    const hold = async (route: Route) => {
      const response = await route.fetch()
      resolve()
      await released
      // The page may have aborted the request.
      await route.fulfill({ response }).catch(() => {})
    }
    const handle = async (route: Route) => await (isHandled = hold(route))
    page.route(path, handle, { times: 1 }).catch(reject)
  })
  return {
    isThere,
    async release() {
      letGo()
      await isHandled
      // A later response that the page has read means that it has handled the earlier one.
      await page.evaluate("fetch('/health/live').then((response) => response.text())")
    }
  }
}

interface Line {
  reqId: string
  req?: { method: string; url: string }
  res?: { statusCode: number }
  code?: string
  detail?: string
}

/** Waits until the log contains the refusal of a request from this origin; resolves to its status and code. */
async function refusalInLog(
  output: { text: string },
  { path, origin }: { path: string; origin: string }
): Promise<unknown[]> {
  for (;;) {
    const lines = output.text
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as Line)
    const byId = (id: string) => lines.filter(({ reqId }) => reqId === id)
    const refused = lines.filter(({ detail }) => detail?.includes(`the Origin is "${origin}"`))
    const here = refused.find(({ reqId }) => byId(reqId).some(({ req }) => req?.method === 'POST' && req.url === path))
    const completed = here && byId(here.reqId).find(({ res }) => res)
    if (completed) return [completed.res!.statusCode, here.code]
    await setTimeout(10)
  }
}
