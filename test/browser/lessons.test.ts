// The frame of the lessons, and lessons 1, 4, 8 and the end.
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { launchBrowser, skipWithoutBrowser } from '../fixtures/browser.ts'
import { password } from '../fixtures/example-client.ts'
import { startServer } from '../fixtures/example-server.ts'
import { testLessons } from '../fixtures/lessons.ts'
import { button, createVisitor, openLesson, signedInAs, signUp } from '../fixtures/visitor.ts'

t.setTimeout(600_000)

t.test('the lessons', skipWithoutBrowser, async (t) => {
  const browser = await launchBrowser()
  t.teardown(() => browser.close())
  const { url } = await startServer(t, { DATA_DIR: join(t.testdir(), 'data') })
  t.jobs = 3
  const testCase = (name: string, run: (t: Test) => Promise<void>) => t.test(name, { buffered: true }, run)

  testLessons(t, {
    browser,
    url,
    stories: {
      'use-it': async ({ t, press, verdict, lesson }) => {
        await press('Send it in a header')
        const byHeader = await verdict('200, accepted, because the signature matches and the token has not expired.')
        t.match(byHeader, /not asked[^]*GET \/me\nAuthorization: Bearer eyJ[^]*"name": "reader-/)
        await press('Send it in a cookie')
        t.match(await verdict('200, accepted'), /not asked[^]*Cookie: __Host-access=…; __Host-refresh=…\n\(added by/)
        await press('Read your notes')
        t.match(await verdict('200, accepted'), /checks the token: [\d.]+ ms\n[^]*1 query\n[^]*GET \/notes/)
        t.match(await lesson.innerText(), /routes\/me\.ts[^]*config: \{ auth: true \}[^]*local-verifier\.ts/)
      },
      'lesson-sign-out': async ({ t, press, verdict }) => {
        await press('Sign out another device')
        const shown = await verdict('401, refused, because the session of this token has ended.')
        t.match(
          shown,
          /finds the id[^]*not asked[^]*1\. Another device[^]*200 OK[^]*2\. It uses[^]*200 OK[^]*204 No Content[^]*4\. /
        )
        t.match(shown, /AUTH_REVOKED_TOKEN/)
        t.match(shown, '"password": "•••"')
        t.notMatch(shown, password)
      }
    }
  })

  testCase('lesson 1 shows the sign-in as it was sent, and that scripts do not see the cookies', async (t) => {
    const { openTab } = await createVisitor(t, { browser, url })
    const page = await openTab()
    await button(page, 'Sign me up as a new user').click()
    const outcome = page.locator('#lesson-sign-in .outcome')
    await outcome.getByText('You are reader-').waitFor()
    const shown = await outcome.innerText()
    t.match(shown, /200, accepted, because the password is right\.[^]*\d queries[^]*POST \/auth\/login/)
    t.match(shown, /"password": "•••"[^]*Set-Cookie: __Host-access=…; HttpOnly\nSet-Cookie: __Host-refresh=…; HttpOnly/)
    t.match(shown, 'found "".')
    const [, name] = /You are (reader-\w+)\. The password, if you want to return: \S{17}/.exec(shown)!
    await signedInAs(page, name!).waitFor()
    t.match(await page.locator('#progress-text').textContent(), '1 of 10 done')
  })

  testCase('lesson 1 shows a sign-in by the form that was refused', async (t) => {
    const { openTab } = await createVisitor(t, { browser, url })
    const page = await openTab()
    await button(page, 'Use my own name').click()
    t.equal(await page.evaluate('document.activeElement.name'), 'username')
    await page.keyboard.type('nobody')
    await page.keyboard.press('Tab')
    await page.keyboard.type('a wrong password')
    await page.keyboard.press('Enter')
    const outcome = page.locator('#lesson-sign-in .outcome')
    await outcome.getByText('401, refused, because the username or the password is wrong.').first().waitFor()
    t.notMatch(await outcome.innerText(), 'a wrong password')
  })

  testCase('opens the first lesson that is not done, one at a time, and remembers the progress', async (t) => {
    const { openTab } = await createVisitor(t, { browser, url })
    const page = await openTab()
    const isOpen = (id: string) => page.locator(`#${id}[open]`).isVisible()
    t.ok(await isOpen('lesson-sign-in'))
    t.equal(await page.locator('details.lesson[open]').count(), 1)
    await page.getByRole('link', { name: 'Next: What you got' }).click()
    await page.locator('#what-you-got[open]').waitFor()
    t.equal(await page.locator('details.lesson[open]').count(), 1)
    t.equal(await page.evaluate('location.hash'), '#what-you-got')
    t.match(await page.evaluate('document.activeElement.textContent'), 'What you got', 'where the keyboard continues')
    await page.goto(url)
    await page.locator('#what-you-got[open]').waitFor()
    await page.getByRole('link', { name: 'Lesson 1: Sign in (done)' }).waitFor()
    await page.goto(`${url}/#another-site`)
    await page.reload()
    await page.locator('#another-site[open]').waitFor()
    await page.evaluate("localStorage.setItem('lessons-done', 'not a list')")
    await page.goto(`${url}/`)
    await page.reload()
    t.ok((await isOpen('lesson-sign-in')) || (await isOpen('another-site')), 'a text that is not ours does no harm')
  })

  testCase('asks for the password after a reload, and says when it is wrong', async (t) => {
    const { openTab } = await createVisitor(t, { browser, url })
    const page = await openTab()
    await openLesson(page, 'use-it')
    await page.locator('#use-it').getByText('This lesson needs a user.').waitFor()
    t.ok(await button(page, 'Send it in a header').isDisabled())
    await signUp(page, 'greta')
    t.ok(await button(page, 'Send it in a header').isEnabled())
    await page.reload()
    const gate = page.locator('#use-it')
    await gate.getByLabel('Your password, again').fill('a wrong password')
    await gate.getByRole('button', { name: 'Continue' }).click()
    await gate.getByText('The password is wrong.').waitFor()
    await gate.getByLabel('Your password, again').fill(password)
    await gate.getByRole('button', { name: 'Continue' }).click()
    await button(page, 'Send it in a header').click()
    await gate.getByText('200, accepted').first().waitFor()
  })

  testCase('on a phone, the account folds into a bar, which the keyboard can open and close', async (t) => {
    const { openTab } = await createVisitor(t, { browser, url })
    const page = await openTab()
    await page.setViewportSize({ width: 390, height: 844 })
    const bar = page.locator('#product-bar')
    await bar.filter({ hasText: 'Not signed in' }).waitFor()
    t.notOk(await page.locator('#sign-in').isVisible(), 'the lesson comes first')
    await button(page, 'Use my own name').press('Enter')
    t.equal(await bar.getAttribute('aria-expanded'), 'true')
    t.equal(await page.evaluate('document.activeElement.name'), 'username')
    await page.keyboard.press('Escape')
    t.equal(await page.evaluate('document.activeElement.id'), 'product-bar')
    t.notOk(await page.locator('#sign-in').isVisible())
    await page.keyboard.press('Enter')
    await signUp(page, 'hilde').catch(() => {})
    await bar.filter({ hasText: 'hilde' }).waitFor()
    t.equal(await bar.getAttribute('aria-expanded'), 'false', 'it folds after the sign-in')
    t.equal(await page.evaluate('document.activeElement.id'), 'product-bar')
    await page.keyboard.press('Enter')
    await signedInAs(page, 'hilde').waitFor()
    t.ok(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'))
  })

  testCase('prints all lessons, dark on white also from dark mode, and closes them again', async (t) => {
    const { openTab } = await createVisitor(t, { browser, url })
    const page = await openTab()
    await page.emulateMedia({ colorScheme: 'dark', media: 'print' })
    await page.evaluate("dispatchEvent(new Event('beforeprint'))")
    t.equal(await page.locator('details.lesson[open]').count(), 10)
    t.strictSame(
      await page.evaluate(
        '(({ color, backgroundColor }) => [color, backgroundColor])(getComputedStyle(document.body))'
      ),
      ['rgb(27, 30, 39)', 'rgb(245, 245, 247)']
    )
    for (const hidden of ['.top', '.progress', '#product']) t.notOk(await page.locator(hidden).isVisible(), hidden)
    await page.evaluate("dispatchEvent(new Event('afterprint'))")
    t.equal(await page.locator('details.lesson[open]').count(), 1)
  })

  testCase('says at the pressed button that the browser is offline, and continues afterwards', async (t) => {
    const { context, openTab } = await createVisitor(t, { browser, url, serverStops: true })
    const page = await openTab()
    await signUp(page, 'ilse')
    await openLesson(page, 'use-it')
    await context.setOffline(true)
    await button(page, 'Send it in a header').click()
    await page.locator('#use-it').getByText('This browser is offline').waitFor()
    t.notOk(await page.locator('#use-it.done').count(), 'the lesson is not done')
    await context.setOffline(false)
    await button(page, 'Send it in a header').click()
    await page.locator('#use-it').getByText('200, accepted').first().waitFor()
  })

  testCase('reads from right to left if the page does, and code stays as it is', async (t) => {
    const { openTab } = await createVisitor(t, { browser, url })
    const page = await openTab()
    await page.evaluate("document.documentElement.dir = 'rtl'")
    const left = async (selector: string) => (await page.locator(selector).first().boundingBox())!.x
    t.ok((await left('#product')) < (await left('#lessons')), 'the account is on the left')
    t.equal(await page.evaluate("getComputedStyle(document.querySelector('#end pre')).direction"), 'ltr')
    for (const width of [320, 640, 2560]) {
      await page.setViewportSize({ width, height: 800 })
      t.ok(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), `${width} px`)
    }
  })
})
