import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const page = readFileSync('docs/architecture.md', 'utf8')
const diagrams = [...page.matchAll(/^```mermaid\n([^]*?)^```$/gm)].map(([, diagram]) => diagram!)
const files = readdirSync('plugin', { recursive: true, encoding: 'utf8' }).map((file) => file.replaceAll('\\', '/'))
const source = files
  .filter((file) => file.endsWith('.ts'))
  .map((file) => readFileSync(join('plugin', file), 'utf8'))
  .join('\n')

t.test('every file in the diagrams of docs/architecture.md exists', async (t) => {
  t.equal(diagrams.length, 3)
  const named = diagrams.flatMap((diagram) => diagram.match(/\b[\w-]+\/[\w/-]+\.ts\b/g) ?? [])
  t.ok(named.length > 8)
  t.strictSame(
    named.filter((file) => !files.includes(file)),
    []
  )
})

t.test('every function in the diagrams is in the file that its arrow points to', async (t) => {
  for (const diagram of diagrams) {
    const participants = new Map(
      [...diagram.matchAll(/participant (\w+) as .*?([\w-]+\/[\w/-]+\.ts)/g)].map(([, name, file]) => [name, file!])
    )
    for (const [, target, message] of diagram.matchAll(/-{1,2}>>(\w+): (.*)/g)) {
      const file = participants.get(target!)
      if (file === undefined) continue
      const text = readFileSync(join('plugin', file), 'utf8')
      for (const [, name] of message!.matchAll(/(\w+)\(/g)) t.ok(text.includes(name!), `${file}: ${name}`)
    }
  }
})

t.test('every function that docs/architecture.md names exists in the plugin', async (t) => {
  const named = [...page.matchAll(/\b(?:\w+\.)*(\w+)\(/g)].map(([, name]) => name!)
  t.ok(named.length > 25)
  t.strictSame(
    named.filter((name) => !new RegExp(`\\b${name}\\b`).test(source)),
    []
  )
})

t.test('every value in the last table of docs/architecture.md is in the file beside it', async (t) => {
  const rows = [...page.matchAll(/`(plugin\/[\w/-]+\.ts)`: `(\w+)(?:\(\))?`/g)]
  t.ok(rows.length >= 5)
  for (const [, file, name] of rows) t.match(readFileSync(file!, 'utf8'), name!, `${file}: ${name}`)
})
