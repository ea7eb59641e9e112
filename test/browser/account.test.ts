// The narrow column: account, notes and devices.
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { launchBrowser, skipWithoutBrowser } from '../fixtures/browser.ts'
import { password, production } from '../fixtures/example-client.ts'
import { startServer } from '../fixtures/example-server.ts'
import {
  addNote,
  announcement,
  button,
  createVisitor,
  signedInAs,
  signIn,
  signInForm,
  signUp
} from '../fixtures/visitor.ts'

t.setTimeout(600_000)

t.test('the narrow column', skipWithoutBrowser, async (t) => {
  const folder = t.testdir()
  const browser = await launchBrowser()
  t.teardown(() => browser.close())
  const { url } = await startServer(t, { DATA_DIR: join(folder, 'data') })
  t.jobs = 4
  const testCase = (name: string, run: (t: Test) => Promise<void>) => t.test(name, { buffered: true }, run)

  testCase('asks password managers for the current password to sign in, and for a new one to sign up', async (t) => {
    const { openTab } = await createVisitor(t, { browser, url })
    const page = await openTab()
    await signInForm(page).waitFor()
    t.strictSame(await visibleFields(page), ['username', 'current-password', ''])
    await page.locator('#sign-in-form').getByLabel('Username').fill('anna')
    await page.keyboard.press('Tab')
    await button(page, 'Create an account').press('Enter')
    t.strictSame(await visibleFields(page), ['username', 'new-password', 'email'])
    t.equal(await page.locator('#sign-up-form').getByLabel('Username').inputValue(), 'anna', 'the name is kept')
    t.equal(await page.evaluate('document.activeElement.autocomplete'), 'new-password')
    await page.keyboard.type(password)
    await page.keyboard.press('Enter')
    await signedInAs(page, 'anna').waitFor()
    await button(page, 'Sign out').first().click()
    await signInForm(page).waitFor()
    t.strictSame(await visibleFields(page), ['username', 'current-password', ''], 'who signs out comes back to sign in')
  })

  testCase('shows a new note on top, and ten notes at first, however many there are', async (t) => {
    const { context, openTab } = await createVisitor(t, { browser, url })
    const page = await openTab()
    await signUp(page, 'berta')
    for (let index = 0; index < 61; index++) {
      await context.request.post(`${url}/notes`, { data: { text: `Note ${index}` } })
    }
    await addNote(page, 'The newest note')
    t.strictSame(await notes(page), [
      'The newest note',
      ...Array.from({ length: 9 }, (_, index) => `Note ${60 - index}`)
    ])
    const [field, row] = [await boxOf(page, '#note-text'), await boxOf(page, '#note-list li')]
    t.ok(row.y - field.y < 200, `the new note is ${row.y - field.y} px below the field`)
    await button(page, 'Show 50 more of 52').press('Enter')
    t.equal((await notes(page)).length, 60)
    const focused = await page.evaluate('document.activeElement.closest("li").firstChild.textContent')
    t.equal(focused, 'Note 51', 'the keyboard continues at the first of them')
    await button(page, 'Show 2 more of 2').click()
    t.equal((await notes(page)).at(-1), 'Note 0')
    t.notOk(await page.locator('#note-more').isVisible())
  })

  testCase('shows the newest device first, when each was used, and always this one', async (t) => {
    const { openTab } = await createVisitor(t, { browser, url })
    const page = await openTab()
    await signUp(page, 'carla')
    const devices = ['Firefox/1 Windows', 'curl/8', 'Safari/1 iPhone', 'Edg/1 Windows', 'Chrome/1 Android', 'MyApp']
    for (const device of devices) {
      await fetch(`${url}/auth/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'user-agent': device },
        body: JSON.stringify({ username: 'carla', password })
      })
    }
    await page.evaluate("dispatchEvent(new Event('focus'))")
    await page.getByText('MyApp').waitFor()
    const rows = page.locator('#device-list li')
    t.strictSame(
      await rows.locator('span:first-child').allTextContents(),
      ['MyApp', 'Chrome on Android', 'Edge on Windows', 'Safari on iPhone', 'curl', 'Chrome on Linux'],
      'the newest five, and this one'
    )
    t.match(await rows.first().textContent(), /Signed in \w+ \d+, .*, used in the last hour/)
    t.match(await rows.last().textContent(), /This device.*, in use now/)
    await button(page, 'Show 1 more of 1').click()
    t.equal(await rows.count(), 7)
  })

  testCase('keeps the draft of a note for who follows a link and comes back', async (t) => {
    const { context, openTab } = await createVisitor(t, { browser, url })
    const page = await openTab()
    await signUp(page, 'doro')
    await page.getByLabel('New note').fill('Half a thought')
    await page.getByRole('link', { name: 'The API', exact: true }).click()
    await page.getByRole('heading', { name: 'fastify-authenticate' }).waitFor()
    await page.goBack()
    await signedInAs(page, 'doro').waitFor()
    t.equal(await page.getByLabel('New note').inputValue(), 'Half a thought')
    await button(page, 'Add').click()
    await page.getByRole('listitem').filter({ hasText: 'Half a thought' }).waitFor()
    await page.reload()
    await signedInAs(page, 'doro').waitFor()
    t.equal(await page.getByLabel('New note').inputValue(), '', 'a note that was added is no draft any more')

    await page.getByLabel('New note').fill('Another one')
    await context.clearCookies()
    await page.reload()
    await signUp(page, 'emmy')
    t.equal(await page.getByLabel('New note').inputValue(), '', 'nobody else sees it')
    t.equal(await page.evaluate('sessionStorage.length'), 0)
  })

  testCase('offers sign-up and demo users only where the server has them', async (t) => {
    const https = { 'x-forwarded-proto': 'https' }
    const cases = [
      { env: {}, offers: ['sign-up', 'demo'], headers: {} },
      { env: { ALLOW_REGISTRATION: 'false' }, offers: ['demo'], headers: {} },
      { env: production, offers: [], headers: https },
      { env: { ...production, ALLOW_REGISTRATION: 'true' }, offers: ['sign-up'], headers: https }
    ]
    for (const [index, { env, offers, headers }] of cases.entries()) {
      const server = await startServer(t, { ...env, DATA_DIR: join(folder, `offers-${index}`) })
      const { context, openTab } = await createVisitor(t, { browser, url: server.url })
      await context.setExtraHTTPHeaders(headers)
      const page = await openTab()
      await signInForm(page).waitFor()
      await page.evaluate("import('/page/settings.js').then(({ loadSettings }) => loadSettings())")
      const seen = [
        ...((await button(page, 'Create an account').isVisible()) ? ['sign-up'] : []),
        ...((await page.getByText('Or sign in as alice or admin').isVisible()) ? ['demo'] : [])
      ]
      t.strictSame(seen, offers, JSON.stringify(Object.keys(env)))
      await server.stop()
    }
  })

  testCase('keeps its bar and its messages visible with forced colours, and prints dark on white', async (t) => {
    const { openTab } = await createVisitor(t, { browser, url })
    const page = await openTab()
    await signUp(page, 'flora')
    await page.emulateMedia({ forcedColors: 'active' })
    await addNote(page, 'Seen by everybody')
    // The page shows its own messages for a moment only.
    await page.evaluate("document.getElementById('status').textContent = 'Note added.'")
    for (const id of ['account-bar', 'status']) {
      const { width, colour } = await borderOf(page, id)
      t.ok(width > 0 && colour !== 'rgba(0, 0, 0, 0)', `#${id} has a border: ${width} px, ${colour}`)
    }
    await page.emulateMedia({ forcedColors: 'none', media: 'print', colorScheme: 'dark' })
    const ink = await page.evaluate<string>("getComputedStyle(document.querySelector('h1')).color")
    t.ok(Math.max(...ink.match(/\d+/g)!.map(Number)) < 64, `paper is white, and the text is ${ink}`)
    t.notOk(await page.locator('#notes').isVisible(), 'nobody prints the account')
  })

  testCase('shows the lessons while the server takes its time to say who is signed in', async (t) => {
    const { context, openTab } = await createVisitor(t, { browser, url })
    let letGo = () => {}
    const held = new Promise<void>((resolve) => (letGo = resolve))
    await context.route('**/me', async (route) => {
      await held
      await route.continue()
    })
    const page = await openTab()
    await page.getByText('Asking the server who is signed in').waitFor()
    t.ok(await page.getByRole('heading', { name: 'Learn JWT authentication by breaking it.' }).isVisible())
    t.equal(await page.locator('details.lesson').count(), 10)
    letGo()
    await signInForm(page).waitFor()
  })

  testCase('says that the server does not respond, and offers sign-up when it does again', async (t) => {
    const { context, openTab } = await createVisitor(t, { browser, url, serverStops: true })
    await context.route('**/page/settings.json', (route) => route.abort())
    const page = await openTab()
    await signInForm(page).waitFor()
    await page.locator('#sign-in-form').getByLabel('Username').fill('fritz')
    await page.locator('#sign-in-form').getByLabel('Password').fill(password)
    await context.setOffline(true)
    await button(page, 'Sign in').click()
    await page.getByText('The server does not respond: try again in a moment.').waitFor()
    t.equal(await page.locator('#sign-in-form').getByLabel('Username').inputValue(), 'fritz', 'nothing typed is lost')
    await context.setOffline(false)
    await context.unrouteAll()
    await button(page, 'Create an account').waitFor()
  })

  testCase('keeps a note that could not be sent, and adds it when the server is there again', async (t) => {
    const { context, openTab } = await createVisitor(t, { browser, url, serverStops: true })
    const page = await openTab()
    await signUp(page, 'greta')
    await context.setOffline(true)
    await page.getByLabel('New note').fill('Written in a tunnel')
    await button(page, 'Add').click()
    await announcement(page, 'The server does not respond')
    t.equal(await page.getByLabel('New note').inputValue(), 'Written in a tunnel')
    await context.setOffline(false)
    await button(page, 'Add').click()
    await page.getByRole('listitem').filter({ hasText: 'Written in a tunnel' }).waitFor()
    await button(page, 'Sign out').first().click()
    await signIn(page, 'greta')
  })
})

/** What the visible fields of the form ask password managers for. */
async function visibleFields(page: Page): Promise<string[]> {
  return await page
    .locator('#sign-in input:visible')
    .evaluateAll((fields) => fields.map((field) => (field as unknown as { autocomplete: string }).autocomplete))
}

async function borderOf(page: Page, id: string): Promise<{ width: number; colour: string }> {
  return await page.locator(`#${id}`).evaluate((element) => {
    const { borderTopWidth, borderTopColor } = element.ownerDocument.defaultView!.getComputedStyle(element)
    return { width: parseFloat(borderTopWidth), colour: borderTopColor }
  })
}

const notes = async (page: Page) => await page.locator('#note-list .row-text').allTextContents()

async function boxOf(page: Page, selector: string) {
  return (await page.locator(selector).first().boundingBox())!
}
