import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { createTestAuth, spoiltTokenCodes } from '../../plugin/testing.ts'
import { namedBlock, namedBlocks } from '../fixtures/named-block.ts'

const page = readFileSync('docs/testing.md', 'utf8')

/** Nothing is installed or compiled here: the names of modules become those of their sources. */
function withFiles(code: string): string {
  const urlOf = (file: string) => pathToFileURL(join(import.meta.dirname, '../..', file)).href
  return code
    .replaceAll("'fastify-authenticate/testing'", `'${urlOf('plugin/testing.ts')}'`)
    .replaceAll("'fastify-authenticate'", `'${urlOf('plugin/index.ts')}'`)
    .replaceAll("'./app.js'", "'./app.ts'")
}

const first = namedBlock('docs/testing.md', 'first')
const application = namedBlock('README.md', 'application')
const recipes = namedBlocks('docs/testing.md', 'recipe')
/** The imports and the application of the first file. */
const setup = first.slice(0, first.indexOf('test('))
const imports = first.match(/^import .*$/gm)!.join('\n')
const kit = "import { spoiltTokenCodes, type SpoiltKind } from 'fastify-authenticate/testing'"

/** Runs a file of tests in a process of its own; resolves to its output. */
function run(folder: string, file: string): Promise<string> {
  return new Promise((resolve) => {
    const env = { PATH: process.env.PATH }
    execFile(process.execPath, [...process.execArgv, join(folder, file)], { env, timeout: 60_000 }, (_error, stdout) =>
      resolve(stdout)
    )
  })
}

t.test("every test of docs/testing.md passes with the README's application, and both files end", async (t) => {
  const folder = t.testdir({
    'app.ts': withFiles(application),
    'first.ts': withFiles(first),
    'recipes.ts': withFiles([kit, setup, ...recipes].join('\n'))
  })
  const [firstOutput, recipesOutput] = await Promise.all([run(folder, 'first.ts'), run(folder, 'recipes.ts')])
  t.match(firstOutput, /^(?:#|ℹ) pass 3\n(?:#|ℹ) fail 0$/m) || t.comment(firstOutput)
  t.match(recipesOutput, new RegExp(`^(?:#|ℹ) pass ${recipes.length}\n(?:#|ℹ) fail 0$`, 'm')) ||
    t.comment(recipesOutput)
})

t.test("the README's application is tested in at most 10 lines", async (t) => {
  t.equal(first.split('\n').filter((line) => line.trim() !== '').length, 10)
  t.ok(recipes.length > 10)
  t.match(setup, imports)
})

t.test('every other block is run by the rig of the testing kit', async (t) => {
  const names = [...page.matchAll(/^```\w+$/gm)].length
  const others = ['supertest', 'playwright'].flatMap((name) => namedBlocks('docs/testing.md', name))
  t.equal(names, 1 + recipes.length + others.length)
})

/** The first names in backticks of the rows of the table that follows this text. */
function firstColumn(heading: string): string[] {
  const table = page.slice(page.indexOf(heading)).split('\n\n')[0]!
  return [...table.matchAll(/^\| (.*?) \|/gm)].flatMap(([, cell]) =>
    [...cell!.matchAll(/`(\w+)/g)].map(([, name]) => name!)
  )
}

t.test('the tables of docs/testing.md name every member, every term and every kind', async (t) => {
  t.strictSame(firstColumn('| member | meaning |').sort(), Object.keys(createTestAuth()).sort())
  const message = await createTestAuth()
    .as('alice', { unknown: true } as never)
    .catch((error: Error) => error.message)
  const terms = /expected (.*)$/.exec(String(message))![1]!.split(/, | or /)
  t.strictSame(firstColumn('| term | meaning |').sort(), terms.sort())
  const codes = [...page.matchAll(/^\| `(\w+)` \| .* \| `(AUTH_\w+)` \|$/gm)].map(([, kind, code]) => [kind, code])
  t.strictSame(codes, Object.entries(spoiltTokenCodes))
})
