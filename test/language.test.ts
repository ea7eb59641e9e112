import t from 'tap'
import { allowedPassages, languageRules } from './fixtures/language-rules.ts'
import { readProse } from './fixtures/prose.ts'

const prose = readProse()

/** Each phrase that a rule finds, with its place and what to write instead. */
function findPhrases(): string[] {
  return prose.flatMap(({ place, text }) => {
    const rest = allowedPassages.reduce((left, allowed) => left.replaceAll(allowed.text, ''), text)
    return languageRules.flatMap(({ pattern, instead }) => {
      const found = pattern.exec(rest)
      if (found === null) return []
      const excerpt = rest.slice(Math.max(0, found.index - 40), found.index + found[0].length + 40)
      return [`${place}: "${found[0]}" in "${excerpt}"; instead: ${instead}`]
    })
  })
}

t.test('each rule finds its bad examples and passes its good ones', async (t) => {
  for (const { pattern, bad, good } of languageRules) {
    for (const text of bad) t.match(text, pattern)
    for (const text of good) t.notMatch(text, pattern)
  }
})

t.test('prose, comments, messages and the names of tests are in plain language', async (t) => {
  t.ok(prose.length > 5000, 'there is something to read')
  t.strictSame(findPhrases(), [])
})

t.test('each allowed passage is needed', async (t) => {
  t.strictSame(
    allowedPassages.filter(({ text }) => !prose.some((sentence) => sentence.text.includes(text))),
    []
  )
})
