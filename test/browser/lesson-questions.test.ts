import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { launchBrowser, skipWithoutBrowser } from '../fixtures/browser.ts'
import { startServer } from '../fixtures/example-server.ts'
import { createVisitor } from '../fixtures/visitor.ts'

t.setTimeout(600_000)

t.test('the page contains each fact that a learner needs', skipWithoutBrowser, async (t) => {
  const questions = readFileSync('test/browser/lesson-questions.md', 'utf8')
    .split(/^\d+\. /m)
    .slice(1)
  t.equal(questions.length, 10)
  const browser = await launchBrowser()
  t.teardown(() => browser.close())
  const { url } = await startServer(t, { DATA_DIR: join(t.testdir(), 'data') })
  const { openTab } = await createVisitor(t, { browser, url })
  const page = await openTab()
  await page.locator('#end').waitFor()
  const text = (await page.locator('#lessons').textContent())!.replaceAll(/\s+/g, ' ').toLowerCase()
  for (const question of questions) {
    const [, words] = /> ([^]+)/.exec(question)!
    for (const word of words!.split(';')) {
      const expected = word.replaceAll(/\s+/g, ' ').trim().toLowerCase()
      t.ok(text.includes(expected), `${question.split('**')[1]}: "${expected}"`)
    }
  }
})
