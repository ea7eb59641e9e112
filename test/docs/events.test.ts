import { readFileSync } from 'node:fs'
import t from 'tap'

t.test('the table of docs/events.md has every type of AuthEvent, and no other', async (t) => {
  const [, page = ''] = readFileSync('docs/events.md', 'utf8').split('## Every event')
  const source = readFileSync('plugin/events.ts', 'utf8')
  const documented = [...page.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, type]) => type)
  const declared = [...source.matchAll(/\btype: ((?:'[a-z-]+'(?: \| )?)+)/g)].flatMap(([, types]) =>
    [...types!.matchAll(/'([a-z-]+)'/g)].map(([, type]) => type)
  )
  t.ok(declared.length > 10)
  t.strictSame(documented.sort(), declared.sort())
})
