import { join } from 'node:path'
import t from 'tap'
import { launchBrowser } from '../fixtures/browser.ts'
import { startServer } from '../fixtures/example-server.ts'
import { addNote, button, createVisitor, openLesson, signUp } from '../fixtures/visitor.ts'

t.setTimeout(120_000)

/** Takes the picture of the README: `npm run picture`. */
t.test('docs/page.png', async (t) => {
  const browser = await launchBrowser()
  t.teardown(() => browser.close())
  const { url } = await startServer(t, { DATA_DIR: join(t.testdir(), 'data') })
  const { openTab } = await createVisitor(t, { browser, url })
  const page = await openTab()
  await page.setViewportSize({ width: 1280, height: 1000 })
  await signUp(page, 'alba')
  await addNote(page, 'Buy milk')
  await addNote(page, 'Ask what the server says to a token with one character changed')
  await openLesson(page, 'use-it')
  // The first time, the server has yet to load what the check needs.
  for (let press = 0; press < 2; press++) {
    await button(page, 'Send it in a header').click()
    await page.getByRole('article').waitFor()
  }
  await page.getByRole('status').filter({ hasText: 'Note added.' }).waitFor({ state: 'hidden' })
  await page.emulateMedia({ reducedMotion: 'reduce' })
  await page.locator('#use-it').evaluate((lesson) => lesson.scrollIntoView())
  await page.screenshot({ path: 'docs/page.png' })
})
