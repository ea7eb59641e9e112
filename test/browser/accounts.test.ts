import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { launchBrowser, skipWithoutBrowser } from '../fixtures/browser.ts'
import { password } from '../fixtures/example-client.ts'
import { startServer } from '../fixtures/example-server.ts'
import { look } from '../fixtures/looks.ts'
import { button, createVisitor, signedInAs, signIn, signInForm, signUp, submit } from '../fixtures/visitor.ts'

t.setTimeout(600_000)

/** Adds an authenticator with a user who always unlocks it: WebAuthn's domain of the DevTools protocol. */
async function addAuthenticator(page: Page) {
  const devTools = await page.context().newCDPSession(page)
  await devTools.send('WebAuthn.enable')
  await devTools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true
    }
  })
}

/** Opens a part of "Your account". */
async function openPart(page: Page, title: string) {
  const summary = page.locator('#your-account > summary')
  if (!(await page.locator('#your-account[open]').isVisible())) await summary.click()
  await page.locator('.account-part > summary', { hasText: title }).click()
}

t.test('accounts on the page', skipWithoutBrowser, async (t) => {
  const browser = await launchBrowser()
  t.teardown(() => browser.close())
  const { url: numeric, output } = await startServer(t, { DATA_DIR: join(t.testdir(), 'data') })
  // Passkeys belong to a domain.
  const url = numeric.replace('127.0.0.1', 'localhost')
  t.jobs = 3
  const testCase = (name: string, run: (t: Test) => Promise<void>) => t.test(name, { buffered: true }, run)

  /** The link in the latest mail to an address, which the server has printed. */
  async function linkTo(address: string, purpose: 'reset' | 'verify', before = '') {
    for (;;) {
      const mails = output.text.split('\nMail to ').filter((mail) => mail.startsWith(`${address}:`))
      const link = new RegExp(`${url}/#${purpose}=\\S+`).exec(mails.at(-1) ?? '')?.[0]
      if (link !== undefined && link !== before) return link
      await setTimeout(20)
    }
  }

  testCase('an address is given at sign-up, confirmed by its link, and used to choose a new password', async (t) => {
    const { openTab } = await createVisitor(t, { browser, url })
    const page = await openTab()
    await button(page, 'Create an account').click()
    await page.locator('#sign-up-form').getByLabel('E-mail').fill('bob@example.com')
    await signUp(page, 'bob')
    await openPart(page, 'E-mail')
    await page.getByText('A link was sent to bob@example.com.').waitFor()
    await page.goto(await linkTo('bob@example.com', 'verify'))
    await page.getByText('The e-mail address is confirmed.').waitFor()
    t.equal(await page.evaluate('location.hash'), '', 'the token is not in the address bar')
    await openPart(page, 'E-mail')
    await page.locator('#account-email > summary', { hasText: 'bob@example.com' }).waitFor()

    await button(page, 'Sign out').first().click()
    await signInForm(page).waitFor()
    await button(page, 'Forgot your password?').click()
    await page.getByLabel('E-mail address').fill('bob@example.com')
    await button(page, 'Send a link').click()
    await page.getByText('If an account has this address, a link is sent to it.').waitFor()
    await page.goto(await linkTo('bob@example.com', 'reset'))
    const dialog = page.getByRole('dialog', { name: 'Choose a new password' })
    await dialog.waitFor()
    t.equal(await page.evaluate('location.hash'), '')
    await dialog.getByLabel('New password').fill('password')
    await button(page, 'Save the password').click()
    await page.getByText('This password is too common.').waitFor()
    await dialog.getByLabel('New password').fill('a new password')
    await button(page, 'Save the password').click()
    await page.getByText('The password is changed: sign in with it.').waitFor()
    await submit(page, { action: 'Sign in', username: 'bob@example.com', given: 'a new password' })
    await signedInAs(page, 'bob').waitFor()
  })

  testCase('a link that is pasted into the open page works, and one that is used again says so', async (t) => {
    const { openTab } = await createVisitor(t, { browser, url })
    const page = await openTab()
    await signUp(page, 'cleo')
    await openPart(page, 'E-mail')
    await page.getByLabel('Address', { exact: true }).fill('cleo@example.com')
    await button(page, 'Send a link').click()
    await page.getByText('A link is sent to cleo@example.com.').waitFor()
    const link = await linkTo('cleo@example.com', 'verify')
    await button(page, 'Sign out').first().click()
    await signInForm(page).waitFor()
    await page.evaluate(`location.hash = ${JSON.stringify(new URL(link).hash)}`)
    await page.getByText('Sign in to the account that has named the address').waitFor()
    await signIn(page, 'cleo')
    await page.getByText('The e-mail address is confirmed.').waitFor()
    await page.goto(link)
    await page.getByRole('dialog', { name: 'The address is not confirmed' }).waitFor()
    await page.getByText('This link has expired or was used before').waitFor()
  })

  testCase('a passkey is added, signs in without typing, and is renamed and removed', async (t) => {
    const { context, openTab } = await createVisitor(t, { browser, url })
    const page = await openTab()
    await addAuthenticator(page)
    await signUp(page, 'dana')
    await openPart(page, 'Passkeys')
    await page.getByLabel('Name', { exact: true }).fill('My laptop')
    await button(page, 'Add a passkey').click()
    await page.getByText('The passkey is added.').waitFor()
    const name = page.getByLabel('Name of the passkey')
    t.equal(await name.inputValue(), 'My laptop')
    await look(t, page, 'account-passkeys')
    await name.fill('Old laptop')
    await name.press('Tab')
    await page.getByText('The passkeys are saved.').waitFor()

    await button(page, 'Sign out').first().click()
    await signInForm(page).waitFor()
    await page.getByRole('checkbox', { name: 'Stay signed in' }).uncheck()
    await button(page, 'Sign in with a passkey').click()
    await signedInAs(page, 'dana').waitFor()
    t.ok((await context.cookies()).every(({ expires }) => expires < 0))
    await openPart(page, 'Passkeys')
    t.equal(await name.inputValue(), 'Old laptop')
    await button(page, 'Remove').click()
    await page.getByText('The passkey is removed, and all other devices are signed out.').waitFor()
    await page.locator('#account-passkeys > summary', { hasText: 'none' }).waitFor()
    await button(page, 'Sign out').first().click()
    await signInForm(page).waitFor()
    await button(page, 'Sign in with a passkey').click()
    await page.getByText('The passkey is not known here, or it took too long: try again.').waitFor()
  })

  testCase('the password is changed, the data downloaded, and the account deleted', async (t) => {
    const { context, openTab } = await createVisitor(t, { browser, url })
    const page = await openTab()
    await signUp(page, 'erik')
    await openPart(page, 'Password')
    await page.getByLabel('Current password').fill('a wrong password')
    await page.getByLabel('New password').fill('a new password')
    await button(page, 'Change the password').click()
    await page.getByText('The current password is wrong.').waitFor()
    await page.getByLabel('Current password').fill(password)
    await button(page, 'Change the password').click()
    await page.getByText('The password is changed.').waitFor()
    await signedInAs(page, 'erik').waitFor()

    await page.locator('#account-data > summary').click()
    const download = page.waitForEvent('download')
    await button(page, 'Download a copy').click()
    const data = JSON.parse(readFileSync(await (await download).path(), 'utf8'))
    t.match(data, { account: { username: 'erik' }, notes: [], sessions: [{}] })

    const confirm = page.getByLabel('Type “erik” to confirm')
    await confirm.fill('eric')
    await button(page, 'Delete the account').click()
    await page.getByText('This is not your username').waitFor()
    await confirm.fill('erik')
    await button(page, 'Delete the account').click()
    await signInForm(page).waitFor()
    t.same(await context.cookies(), [])
    await submit(page, { action: 'Sign in', username: 'erik', given: 'a new password' })
    await page.getByText('The username or the password is wrong.', { exact: true }).waitFor()
  })

  testCase('a part that is opened while the parts are loaded again stays open', async (t) => {
    const { context, openTab } = await createVisitor(t, { browser, url })
    const page = await openTab()
    await signUp(page, 'gus')
    await openPart(page, 'Password')
    let release = () => {}
    const released = new Promise<void>((resolve) => (release = resolve))
    await context.route('**/auth/passkeys', async (route) => {
      await released
      await route.continue()
    })
    const asked = page.waitForRequest('**/auth/passkeys')
    await page.evaluate("document.getElementById('account-data').dataset.before = 'true'")
    await page.evaluate("document.dispatchEvent(new Event('account-changed'))")
    await asked
    await page.locator('#account-data > summary').click()
    release()
    await page.locator('#account-data:not([data-before])').waitFor()
    t.ok(await page.locator('#account-data[open]').isVisible())
  })

  testCase('what needs a fresh sign-in asks for the password or a passkey, and is then done', async (t) => {
    const { context, openTab } = await createVisitor(t, { browser, url })
    const page = await openTab()
    await addAuthenticator(page)
    await signUp(page, 'fay')
    // The server's clock cannot be changed here: the first response is that of five minutes later.
    let isStale = true
    await context.route('**/auth/account/export', async (route) => {
      if (!isStale) return await route.continue()
      isStale = false
      await route.fulfill({ status: 401, json: { statusCode: 401, code: 'AUTH_STALE_AUTHENTICATION', message: '' } })
    })
    const dialog = page.getByRole('dialog', { name: 'Confirm that it is you' })
    await openPart(page, 'Passkeys')
    await page.getByLabel('Name', { exact: true }).fill('Phone')
    await button(page, 'Add a passkey').click()
    await page.getByText('The passkey is added.').waitFor()
    await page.locator('#account-data > summary').click()
    for (const way of ['password', 'passkey'] as const) {
      isStale = true
      const download = page.waitForEvent('download')
      await button(page, 'Download a copy').click()
      await dialog.waitFor()
      if (way === 'passkey') await dialog.getByRole('button', { name: 'Use a passkey' }).click()
      else {
        await look(t, page, 'account-confirm')
        await dialog.getByLabel('Password').fill('a wrong password')
        await button(page, 'Confirm').click()
        await page.getByText('The current password is wrong.').waitFor()
        await dialog.getByLabel('Password').fill(password)
        await button(page, 'Confirm').click()
      }
      t.equal((await download).suggestedFilename(), 'account.json', way)
    }
    isStale = true
    await button(page, 'Download a copy').click()
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    await signedInAs(page, 'fay').waitFor()
  })
})
