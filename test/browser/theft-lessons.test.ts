// The lessons "Refresh, and theft", "Another site tries" and "Where to keep a token".
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { launchBrowser, skipWithoutBrowser } from '../fixtures/browser.ts'
import { startServer } from '../fixtures/example-server.ts'
import { testLessons } from '../fixtures/lessons.ts'
import { button, createVisitor, signUp } from '../fixtures/visitor.ts'

t.setTimeout(600_000)

t.test('lessons about theft', skipWithoutBrowser, async (t) => {
  const browser = await launchBrowser()
  t.teardown(() => browser.close())
  const { url } = await startServer(t, { DATA_DIR: join(t.testdir(), 'data') })
  // The cases mostly wait until refresh tokens can no longer be repeated.
  t.jobs = 4
  const testCase = (name: string, run: (t: Test) => Promise<void>) => t.test(name, { buffered: true }, run)

  testLessons(t, {
    browser,
    url,
    stories: {
      'refresh-and-theft': async ({ press, verdict }) => {
        await press('Sign in on another device')
        await verdict('200, accepted, because the password is right.')
        await press('Refresh')
        await verdict('200, accepted, because R0 was not used before.')
        await press('Refresh in two tabs')
        await verdict('200, accepted, because both tabs sent R1 at the same time.')
        await press('Be the thief: use R0')
        await verdict('401, refused, because the session of this token has ended.')
      },
      'another-site': async ({ press, verdict }) => {
        await press('Write a note from this page')
        await verdict('201, accepted, because it comes from this page, with your cookies.')
        await press('Let it sign you in')
        await verdict('403, refused, because the request came from another site.')
        await press('Let it write a note')
        await verdict('401, refused, because the browser kept your cookies out of this request.')
      },
      'where-to-keep-it': async ({ press, verdict }) => {
        await press('Store a demo token')
        await verdict('Stored.')
        await press('Load a dependency')
        await verdict('Token found.')
      }
    }
  })

  /** A new user in a lesson. */
  async function openLesson(t: Test, { id, name }: { id: string; name: string }) {
    const { context, openTab } = await createVisitor(t, { browser, url })
    const page = await openTab()
    await signUp(page, name)
    await page.evaluate(`location.hash = '${id}'`)
    await page.locator(`#${id}[open]`).waitFor()
    return { context, page, lesson: page.locator(`#${id}`) }
  }

  testCase('a thief who uses R0 after two refreshes ends the session for both', async (t) => {
    const { page, lesson } = await openLesson(t, { id: 'refresh-and-theft', name: 'alba' })
    await press(page, 'Sign in on another device', '200, accepted, because the password is right.')
    await badge(page).waitFor()

    await button(page, 'Refresh').click()
    const why = lesson.getByText('R0 is younger than 10 seconds. The server does not exchange such a new one')
    await why.waitFor()
    t.match(await lesson.locator('.note').last().textContent(), /^(?:[1-9]|10) s$/, 'it counts down')
    await verdict(page, '200, accepted, because R0 was not used before.')
    await press(page, 'Refresh in two tabs', '200, accepted, because both tabs sent R1 at the same time.')
    t.match(await lesson.locator('.outcome').innerText(), /Tab 1[^]*Tab 2[^]*Both have R2\./)

    await button(page, 'Be the thief: use R0').click()
    await verdict(page, '401, refused, because a newer refresh token was issued a moment ago.')
    await verdict(page, '401, refused, because this refresh token was used before, so somebody has a copy of it.')
    await verdict(page, '401, refused, because the session of this token has ended.')
    t.match(
      await lesson.locator('.outcome').innerText(),
      /AUTH_REFRESH_SUPERSEDED[^]*AUTH_REFRESH_REUSED[^]*GET \/me[^]*AUTH_REVOKED_TOKEN/
    )
    await badge(page).waitFor({ state: 'hidden' })
    t.strictSame(await lesson.locator('.moment .visually-hidden').allTextContents(), [
      'You sign in, and get R0.',
      'The thief copies R0.',
      'You send R0, and get R1. For 10 seconds, R0 still returns R1.',
      'Both of your tabs send R1, and get R2. For 10 seconds, R1 still returns R2.',
      'The thief sends R0, and gets nothing.',
      'The thief sends R0 again. The session ends for both: it is gone from your devices.'
    ])
    await button(page, 'Refresh').click()
    await lesson.getByText('This session has ended for both: start again with the first button.').waitFor()
  })

  testCase('a thief who is as fast as a second tab is not noticed, and one who comes first neither', async (t) => {
    const { page, lesson } = await openLesson(t, { id: 'refresh-and-theft', name: 'berta' })
    const thief = button(page, 'Be the thief: use R0')
    await thief.click()
    await lesson.getByText('First sign in on another device: the first button.').waitFor()
    await press(page, 'Sign in on another device', '200, accepted')
    await thief.click()
    await lesson.getByText('who comes first gets R1, and the server notices nothing').waitFor()
    await press(page, 'Refresh', '200, accepted, because R0 was not used before.')
    await press(page, 'Be the thief: use R0', '200, accepted, because R0 was exchanged less than 10 seconds ago.')
    t.match(await lesson.locator('.moments').innerText(), /The thief sends R0, and gets R1\./)
    await badge(page).waitFor()
    await page.getByRole('button', { name: 'Sign out', exact: true }).first().click()
    await page.locator('#sign-in-form').waitFor()
    t.strictSame(await lesson.locator('.moment').count(), 0, 'nothing is left for the next user')
  })

  testCase('shows what the browser sent with the form of another site, and why it was refused', async (t) => {
    const { context, page, lesson } = await openLesson(t, { id: 'another-site', name: 'carla' })
    const session = async () => (await context.cookies()).map(({ name, value }) => `${name}=${value.split('.')[1]}`)[1]
    const before = await session()
    for (const { label, path, text } of [
      {
        label: 'Let it write a note',
        path: '/notes',
        text: '401, refused, because the browser kept your cookies out of this request.'
      },
      {
        label: 'Let it sign you in',
        path: '/auth/login',
        text: '403, refused, because the request came from another site.'
      }
    ]) {
      const forged = page.waitForRequest((request) => request.url() === `${url}${path}` && request.method() === 'POST')
      await press(page, label, text)
      const { origin, 'sec-fetch-site': site, cookie, 'content-type': type } = await (await forged).allHeaders()
      t.strictSame([origin, site, cookie, type], ['null', 'cross-site', undefined, 'text/plain'])
      const shown = await lesson.locator('.outcome').innerText()
      t.match(
        shown,
        `POST ${path}\nOrigin: ${origin}\nSec-Fetch-Site: ${site}\nCookie: (not sent)\nContent-Type: ${type}`
      )
      const request = (await lesson.locator('.outcome pre').first().textContent())!
      t.strictSame(JSON.parse(request.slice(request.indexOf('\n\n'))), JSON.parse((await forged).postData()!.trim()))
      t.match(shown, 'The server saw: Origin null')
    }
    t.equal(await session(), before, 'the reader is still in the same session')
    t.equal(await page.locator('#note-list li').count(), 0)

    await press(
      page,
      'Write a note from this page',
      '201, accepted, because it comes from this page, with your cookies.'
    )
    const shown = await lesson.locator('.outcome').innerText()
    t.match(shown, `POST /notes\nOrigin: ${url}\nSec-Fetch-Site: same-origin\nCookie: (sent)`)
    await page.locator('#note-list').getByText('Written by this page').waitFor()
  })

  testCase('a dependency finds the token in local storage and no cookie, and the token is removed', async (t) => {
    const { page, lesson } = await openLesson(t, { id: 'where-to-keep-it', name: 'doro' })
    const stored = () => page.evaluate("localStorage.getItem('demo_token')")
    await press(page, 'Load a dependency', 'No token found.')
    await press(page, 'Store a demo token', 'Stored.')
    t.match(await stored(), /^eyJ/)
    await press(page, 'Load a dependency', 'Token found.')
    const found = await lesson.locator('.outcome').innerText()
    t.match(found, /"demo_token": "eyJ[^]*document\.cookie: ""/)
    t.match(found, 'The script finds no cookies: yours are httpOnly.')
    t.equal(await stored(), null)

    await press(page, 'Store a demo token', 'Stored.')
    await page.reload()
    await page.locator('#where-to-keep-it').waitFor()
    t.equal(await stored(), null, 'also for who leaves')
  })

  testCase("the checklist measures the reader's own token, and shows where the server keeps each rule", async (t) => {
    const { page, lesson } = await openLesson(t, { id: 'what-you-got', name: 'emmy' })
    await page.evaluate("import('/page/lessons/demo.js').then(({ openMainSession }) => openMainSession())")
    await page.evaluate("location.hash = 'where-to-keep-it'")
    const list = page.locator('#where-to-keep-it .checklist')
    t.ok(await lesson.isVisible())
    const token = String(
      await page.evaluate("import('/page/lessons/demo.js').then(({ mainSession }) => mainSession().access())")
    )
    const { alg } = JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString())
    const claims = Object.keys(JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()))
    t.strictSame(await list.locator('.measured').allTextContents(), [
      `Yours is signed with ${alg}.`,
      'Yours lives for 600 seconds.',
      'This page reads document.cookie: "".',
      'This page came over http, from this machine.',
      `Yours says: ${claims.join(', ')}.`,
      `Yours has ${token.length} bytes.`
    ])
    for (const where of await list.locator('summary').all()) await where.click()
    await list.locator('figure').nth(5).waitFor()
    for (const link of await list.locator('figure a').all()) {
      const response = await page.request.get(`${url}${await link.getAttribute('href')}`)
      t.equal(response.status(), 200, String(await link.textContent()))
    }
  })
})

const badge = (page: Page) => page.locator('#device-list .badge').filter({ hasText: 'Lesson 7' })

/** Waits until the lesson that is open shows this verdict. */
async function verdict(page: Page, text: string): Promise<void> {
  await page.locator('details[open] .verdict').filter({ hasText: text }).first().waitFor()
}

async function press(page: Page, label: string, text: string): Promise<void> {
  await button(page, label).click()
  await verdict(page, text)
}
