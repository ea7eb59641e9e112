import { existsSync, readdirSync, readFileSync } from 'node:fs'
import t from 'tap'

const page = readFileSync('docs/threat-model.md', 'utf8')
const named = [...page.matchAll(/`(test\/[^`]+)`/g)].map(([, file]) => file!)

t.test('every test that the threat model names exists, and it names every file of test/attacks/', async (t) => {
  t.ok(named.length > 30)
  t.strictSame(
    named.filter((file) => !existsSync(file)),
    []
  )
  const attacks = readdirSync('test/attacks').map((file) => `test/attacks/${file}`)
  t.strictSame(
    attacks.filter((file) => !named.includes(file)),
    []
  )
})

t.test('every attack in the threat model has a test', async (t) => {
  const tables = page.split('\n\n').filter((part) => part.startsWith('| attack |'))
  const rows = tables.flatMap((table) => table.trim().split('\n').slice(2))
  t.ok(rows.length > 20)
  t.strictSame(
    rows.filter((row) => !/`test\/\S+\.test\.ts` \|$/.test(row)),
    []
  )
})
