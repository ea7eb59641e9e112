import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import t from 'tap'
import { launchBrowser, skipWithoutBrowser } from '../fixtures/browser.ts'
import { startServer } from '../fixtures/example-server.ts'
import { look } from '../fixtures/looks.ts'
import { addNote, button, createVisitor, enter, getToken, signedInAs, signInForm, submit } from '../fixtures/visitor.ts'

t.setTimeout(180_000)

t.test('the page', skipWithoutBrowser, async (t) => {
  const browser = await launchBrowser()
  t.teardown(() => browser.close())
  const { url, output } = await startServer(t, { DATA_DIR: join(t.testdir(), 'data'), LOG_LEVEL: 'info' })

  t.test('signs up, signs out, signs in by cookie, and stays signed in when it is loaded again', async (t) => {
    const { context, openTab } = await createVisitor(t, browser, url)
    const page = await openTab()
    await signInForm(page).waitFor()
    await look(t, page, 'signed-out')
    await submit(page, 'Sign up', 'bob', 'short')
    await page.getByText('a password at least 8 characters.').waitFor()
    await enter(page, 'Sign up', 'bob')
    await button(page, 'Sign out').first().click()
    await signInForm(page).waitFor()
    t.same(await context.cookies(), [], 'nothing is left behind')
    await submit(page, 'Sign up', 'bob')
    await page.getByText('Somebody has this name already.').waitFor()
    await submit(page, 'Sign in', 'bob', 'a wrong password')
    await page.getByText('The username or the password is wrong.').waitFor()
    await enter(page, 'Sign in', 'bob')
    await page.reload()
    await signedInAs(page, 'bob').waitFor()
    t.notOk(await signInForm(page).isVisible())
  })

  t.test('holds cookies that no script can see, and nothing in local storage', async (t) => {
    const { context, openTab } = await createVisitor(t, browser, url)
    const page = await openTab()
    await enter(page, 'Sign in', 'bob')
    const cookies = await context.cookies()
    t.same(cookies.map(({ name }) => name).sort(), ['__Host-access', '__Host-refresh'])
    t.ok(cookies.every(({ httpOnly, secure, sameSite }) => httpOnly && secure && sameSite === 'Lax'))
    t.equal(await page.evaluate('document.cookie'), '')
    t.equal(await page.evaluate('localStorage.length + sessionStorage.length'), 0)
  })

  t.test(
    'is told that its session has ended within a second of "Sign out everywhere else" on another device, without a click',
    async (t) => {
      const [one, other] = [await createVisitor(t, browser, url), await createVisitor(t, browser, url)]
      const [here, there] = [await one.openTab(), await other.openTab()]
      await enter(here, 'Sign up', 'carol')
      const isLive = there.waitForEvent('websocket').then(async (socket) => await socket.waitForEvent('framereceived'))
      await enter(there, 'Sign in', 'carol')
      await isLive
      await here.reload()
      await addNote(here, 'Water the plants')
      await look(t, here, 'signed-in')
      await button(here, 'Sign out everywhere else').click()
      const pressed = Date.now()
      await signInForm(there).waitFor()
      t.ok(Date.now() - pressed < 1000, `after ${Date.now() - pressed} ms`)
      await there.getByText('This device has been signed out').waitFor()
      t.ok(await signedInAs(here, 'carol').isVisible())
      t.notOk(await button(here, 'Sign out everywhere else').isEnabled(), 'there is nowhere else any more')

      await enter(there, 'Sign in', 'carol')
      await here.reload()
      await here
        .getByRole('listitem')
        .filter({ hasNotText: 'This device' })
        .getByRole('button', { name: 'Sign out' })
        .click()
      await signInForm(there).waitFor()
    }
  )

  t.test('signs all tabs of the browser in and out together', async (t) => {
    const { openTab } = await createVisitor(t, browser, url)
    const [one, other] = [await openTab(), await openTab()]
    await enter(one, 'Sign in', 'bob')
    await signedInAs(other, 'bob').waitFor()
    await button(other, 'Sign out').first().click()
    await signInForm(one).waitFor()
  })

  t.test('stays signed in in four tabs that refresh at the same instant', async (t) => {
    const { openTab } = await createVisitor(t, browser, url)
    const first = await openTab()
    await enter(first, 'Sign in', 'bob')
    const tabs = [first, await openTab(), await openTab(), await openTab()]
    await Promise.all(tabs.map((tab) => signedInAs(tab, 'bob').waitFor()))
    const instant = Date.now() + 500
    const statuses = await Promise.all(
      tabs.map((tab) =>
        tab.evaluate(async (instant) => {
          await new Promise((resolve) => globalThis.setTimeout(resolve, instant - Date.now()))
          return (await fetch('/auth/refresh', { method: 'POST' })).status
        }, instant)
      )
    )
    t.strictSame(statuses, [200, 200, 200, 200])
    for (const tab of tabs) {
      await tab.reload()
      await signedInAs(tab, 'bob').waitFor()
    }
  })

  t.test('can be used by keyboard alone', async (t) => {
    const { openTab } = await createVisitor(t, browser, url)
    const page = await openTab()
    await page.getByLabel('Username', { exact: true }).press('Tab')
    t.equal(await page.evaluate('document.activeElement.name'), 'password')
    await page.getByLabel('Username', { exact: true }).focus()
    await page.keyboard.type('bob')
    await page.keyboard.press('Tab')
    await page.keyboard.type('correct horse battery staple')
    await page.keyboard.press('Enter')
    await signedInAs(page, 'bob').waitFor()
    t.equal(await page.evaluate('document.activeElement.id'), 'account-title', 'which is where reading goes on')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await signInForm(page).waitFor()
    t.equal(await page.evaluate('document.activeElement.name'), 'username')
  })

  t.test('takes a 503 for what it is: nobody is signed out, and it goes on when that is over', async (t) => {
    const { context, openTab } = await createVisitor(t, browser, url, { serverGoesAway: true })
    await enter(await openTab(), 'Sign in', 'bob')
    let asked = 0
    await context.route('**/me', async (route) => {
      asked++
      await route.fulfill({
        status: 503,
        headers: { 'retry-after': '1' },
        json: { statusCode: 503, code: 'AUTH_STORE_UNAVAILABLE' }
      })
    })
    const page = await openTab()
    await page.getByRole('alert').filter({ hasText: 'not available' }).waitFor()
    await page.waitForResponse('**/me')
    t.ok(asked >= 2, 'it asks again')
    t.notOk(await signInForm(page).isVisible())
    await context.unroute('**/me')
    await signedInAs(page, 'bob').waitFor()
    t.notOk(await page.getByRole('alert').filter({ hasText: 'not available' }).isVisible())
  })

  t.test('keeps nothing of a user for the next: neither what was typed nor the token', async (t) => {
    const { openTab } = await createVisitor(t, browser, url)
    const page = await openTab()
    await enter(page, 'Sign in', 'carol')
    await getToken(page)
    await button(page, 'Use it as it is').click()
    await page.getByRole('article').first().waitFor()
    await page.getByLabel('New note').fill('A draft of carol')
    await page.locator('#token-passphrase').evaluate((field: { value: string }) => {
      field.value = 'a passphrase'
    })
    await button(page, 'Sign out').first().click()
    await signInForm(page).waitFor()
    t.strictSame(
      await page.evaluate("[...document.querySelectorAll('input')].map(({ value }) => value).filter(Boolean)"),
      []
    )
    for (const id of ['account-name', 'note-list', 'device-list', 'token-text', 'token-parts', 'exchanges']) {
      t.equal(await page.locator(`#${id}`).textContent(), '', id)
    }
  })

  t.test('drops an answer that comes when the user who asked for it has gone', async (t) => {
    const { openTab } = await createVisitor(t, browser, url)
    const page = await openTab()
    await enter(page, 'Sign in', 'carol')
    const late = holdNext(page, '**/notes')
    await page.evaluate("dispatchEvent(new Event('focus'))")
    await late.isThere
    await button(page, 'Sign out').first().click()
    await enter(page, 'Sign in', 'bob')
    await late.letGo()
    t.notMatch(await page.locator('#note-list').textContent(), /Water the plants/)
  })

  t.test('is with whoever signed in last, though an earlier answer about that comes later', async (t) => {
    const { openTab } = await createVisitor(t, browser, url)
    const [page, other] = [await openTab(), await openTab()]
    await enter(page, 'Sign in', 'carol')
    await signedInAs(other, 'carol').waitFor()
    const late = holdNext(page, '**/me')
    await button(other, 'Sign out').first().click()
    await late.isThere
    await enter(other, 'Sign in', 'bob')
    await signedInAs(page, 'bob').waitFor()
    await late.letGo()
    t.ok(await signedInAs(page, 'bob').isVisible())
  })

  t.test('takes the page of a proxy for what it is: nobody is signed out by that', async (t) => {
    const { context, openTab } = await createVisitor(t, browser, url, { serverGoesAway: true })
    const page = await openTab()
    await enter(page, 'Sign in', 'bob')
    const expired = { status: 401, json: { statusCode: 401, code: 'AUTH_EXPIRED_TOKEN' } }
    const foreign = {
      status: 403,
      contentType: 'text/html',
      headers: { 'retry-after': '0.2' },
      body: '<h1>Not from here</h1>'
    }
    const answers = [
      { '**/me': { status: 401, json: { error: 'log in to the proxy' } } },
      { '**/me': expired, '**/auth/refresh': foreign },
      { '**/me': { ...foreign, status: 200 } }
    ]
    for (const each of answers) {
      for (const [path, answer] of Object.entries(each)) {
        await context.route(path, async (route) => await route.fulfill(answer))
      }
      await page.reload()
      await page.getByRole('alert').filter({ hasText: 'not available' }).waitFor()
      t.notOk(await signInForm(page).isVisible())
      await context.unrouteAll()
    }
    await signedInAs(page, 'bob').waitFor()
  })

  t.test('says at once that a sign-out has failed, and does not take a later one for it', async (t) => {
    const { context, openTab } = await createVisitor(t, browser, url, { serverGoesAway: true })
    const page = await openTab()
    await enter(page, 'Sign in', 'bob')
    await context.route(/\/(me|auth\/logout)$/, async (route) => await route.fulfill(away))
    for (let click = 0; click < 5; click++) await button(page, 'Sign out').first().click()
    await page.getByRole('status').filter({ hasText: 'You are still signed in.' }).waitFor()
    const since = Date.now()
    for (let time = 0; time < 3; time++) await page.waitForRequest('**/me')
    t.ok(Date.now() - since > 350, 'however often that was tried, it asks once at a time')
    await context.unrouteAll()
    await page.getByRole('alert').filter({ hasText: 'not available' }).waitFor({ state: 'hidden' })
    await context.request.post(`${url}/auth/logout`)
    await page.getByText('This device has been signed out').waitFor()
  })

  t.test(
    'shows nothing of the former user when the browser brings it back as it was, the server being away',
    async (t) => {
      const { context, openTab } = await createVisitor(t, browser, url, { serverGoesAway: true })
      const page = await openTab()
      await enter(page, 'Sign in', 'carol')
      await page.getByText('Water the plants').waitFor()
      await context.route('**/me', async (route) => await route.fulfill(away))
      // Playwright's browsers keep no pages: these are the events of one that is kept.
      await page.evaluate(
        "for (const type of ['pagehide', 'pageshow']) dispatchEvent(new PageTransitionEvent(type, { persisted: true }))"
      )
      await page.getByText('Asking the server who is signed in').waitFor()
      await page.getByRole('alert').filter({ hasText: 'not available' }).waitFor()
      t.notMatch(await page.evaluate('document.body.textContent'), /carol|Water the plants/)
      await context.clearCookies()
      await context.unrouteAll()
      await signInForm(page).waitFor()
    }
  )

  t.test(
    'of another origin cannot post a note, sign anybody in or out, though the browser sends the cookies along',
    async (t) => {
      const { context, openTab } = await createVisitor(t, browser, url, { isBlocked: true })
      const page = await openTab()
      await enter(page, 'Sign in', 'bob')
      await addNote(page, 'Bob was here')
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
        // Its browser keeps the answer from it: what it was is in the server's log.
        await attacker.evaluate(
          async ({ target, body }) => {
            await fetch(target, { method: 'POST', mode: 'no-cors', credentials: 'include', body }).catch(() => {})
          },
          { target: `${url}${path}`, body }
        )
        // Without the cookies, a note would be 401 and a sign-out 204: SameSite knows no ports.
        t.strictSame(await refusalInLog(output, { path, origin }), [403, 'AUTH_CROSS_SITE'], path)
      }
      await page.reload()
      await signedInAs(page, 'bob').waitFor()
      await page.getByText('Bob was here').waitFor()
      t.equal(await page.getByText('forged').count(), 0)
      t.strictSame(await context.cookies(), before)
    }
  )
})

t.test(
  'a server that goes away signs nobody out, and notes are there when it is back',
  skipWithoutBrowser,
  async (t) => {
    const browser = await launchBrowser()
    t.teardown(() => browser.close())
    const env = { DATA_DIR: join(t.testdir(), 'data'), ACCESS_TOKEN_SECONDS: '3' }
    const first = await startServer(t, env)
    const { openTab } = await createVisitor(t, browser, first.url, { serverGoesAway: true })
    const page = await openTab()
    await enter(page, 'Sign up', 'bob')
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
  }
)

const away = { status: 503, headers: { 'retry-after': '0.2' } }

/** Keeps the next answer back: says when it is there, and lets it go and waits until the page has it. */
function holdNext(page: Page, path: string) {
  let release = () => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  const isThere = new Promise<void>((resolve, reject) => {
    page
      .route(
        path,
        async (route) => {
          const response = await route.fetch()
          resolve()
          await released
          await route.fulfill({ response })
        },
        { times: 1 }
      )
      .catch(reject)
  })
  return {
    isThere,
    letGo: async () => {
      const arrived = page.waitForResponse(path)
      release()
      await (await arrived).finished()
      // The page's own steps up to what it shows.
      await page.evaluate('new Promise((resolve) => setTimeout(resolve, 50))')
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

/** Status and code of what a page of that origin was refused, once the log has it. */
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
    const refused = lines.filter(({ detail }) => detail?.includes(`from "${origin}"`))
    const here = refused.find(({ reqId }) => byId(reqId).some(({ req }) => req?.method === 'POST' && req.url === path))
    const answered = here && byId(here.reqId).find(({ res }) => res)
    if (answered) return [answered.res!.statusCode, here.code]
    await setTimeout(10)
  }
}
