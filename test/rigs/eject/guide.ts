// Follows a guide in the README of a project, as a developer would: it says which file, where, and what.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

type Change = (text: string, block: string) => string

/** What the sentence before a block of code can say. */
const sentences: readonly [RegExp, (place: string) => Change][] = [
  [/^Create `([^`]+)`:$/, () => (_, block) => block],
  [/^In `([^`]+)`, after `(.+)`:$/, (place) => (text, block) => insertAfter(text, { place, block })],
  [/^In `([^`]+)`, replace `(.+)`:$/, (place) => (text, block) => replaceOnce(text, { place, block: block.trimEnd() })],
  [/^In `([^`]+)`, as the last entry of `(.+)`:$/, (place) => (text, block) => appendEntry(text, { place, block })]
]

/** Does every step of a section. @returns the sentences that it followed */
export function followGuide(folder: string, heading: string): string[] {
  const readme = readFileSync(join(folder, 'README.md'), 'utf8')
  const [, body = ''] = new RegExp(`\\n## ${heading}\\n([\\s\\S]*?)(?=\\n## |$)`).exec(readme) ?? []
  const steps = [...body.matchAll(/((?:Create|In) `[^\n]*:)\n\n```ts\n([\s\S]*?)```/g)]
  return steps.map(([, sentence = '', block = '']) => {
    change(folder, { sentence, block })
    return sentence
  })
}

function change(folder: string, { sentence, block }: { sentence: string; block: string }): void {
  for (const [pattern, make] of sentences) {
    const [, file, place = ''] = pattern.exec(sentence) ?? []
    if (file === undefined) continue
    const path = join(folder, file)
    const isNew = sentence.startsWith('Create')
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, make(place)(isNew ? '' : readFileSync(path, 'utf8'), block))
    return
  }
  throw new Error(`nobody understands: ${sentence}`)
}

function replaceOnce(text: string, { place, block }: { place: string; block: string }): string {
  if (text.split(place).length !== 2) throw new Error(`must be there once: ${place}`)
  return text.replace(place, () => block)
}

const insertAfter = (text: string, { place, block }: { place: string; block: string }) =>
  replaceOnce(text, { place: `${place}\n`, block: `${place}\n${block}` })

function appendEntry(text: string, { place, block }: { place: string; block: string }): string {
  const start = text.indexOf(`const ${place}`)
  const end = text.indexOf('\n}\n', start)
  if (start === -1 || end === -1) throw new Error(`must be there: ${place}`)
  return `${text.slice(0, end)},\n${block.trimEnd()}${text.slice(end)}`
}
