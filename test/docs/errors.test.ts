import { readFileSync } from 'node:fs'
import t from 'tap'
import { refusals } from '../../plugin/errors.ts'

t.test('the table of docs/errors.md has every code of the catalogue with its status, and no other', async (t) => {
  const rows = readFileSync('docs/errors.md', 'utf8').matchAll(/^\| `(AUTH_\w+)` \| (\d+) \|/gm)
  t.strictSame(
    [...rows].map(([, code, status]) => [code, Number(status)]),
    Object.entries(refusals).map(([code, { status }]) => [code, status])
  )
})
