// docs/releases.md and docs/modules.md name the versions that the suites install.
import { readFileSync } from 'node:fs'
import t from 'tap'
import { filesIn } from '../fixtures/files.ts'
import { nodeLines } from '../fixtures/node-lines.ts'

const read = (name: string) => readFileSync(name, 'utf8')

interface Manifest {
  readonly version: string
  readonly engines: { readonly node: string }
  readonly peerDependencies: { readonly fastify: string }
  readonly devDependencies: Readonly<Record<string, string>>
}

const own = JSON.parse(read('package.json')) as Manifest
const toolchains = JSON.parse(read('test/package/package.json')) as Manifest

/** The cells of a page's table rows, by the first cell. */
function rowsOf(page: string): Map<string, string[]> {
  const rows = [...read(page).matchAll(/^\| (.*) \|$/gm)].map(([, row]) => row!.split(' | '))
  return new Map(rows.map(([name, ...cells]) => [name!, cells]))
}

/** `~5.6.3` and `npm:typescript@~5.6.3` are 5.6. */
const minorOf = (range: string) => /(\d+\.\d+)[^@]*$/.exec(range)![1]!
const majorOf = (range: string) => minorOf(range).split('.')[0]!
const installed = (name: string) => toolchains.devDependencies[name] ?? own.devDependencies[name]!
const typescripts = [...Object.entries(own.devDependencies), ...Object.entries(toolchains.devDependencies)]
  .filter(([name]) => /^typescript(-[\d.]+)?$/.test(name))
  .map(([, range]) => minorOf(range))
  .sort()
  .join(', ')

const versionIn = (text: string, name: string) => new RegExp(`type-provider-${name}@(\\d+)`).exec(text)?.[1]

t.test('docs/modules.md lists the versions that `npm run test:package` uses', async (t) => {
  const rows = rowsOf('docs/modules.md')
  const expected = {
    Node: nodeLines.join(', '),
    Fastify: `${own.peerDependencies.fastify.replace('^', '')}, 5`,
    TypeScript: typescripts,
    'node:test, tap, Vitest': `Vitest ${majorOf(installed('vitest'))}`,
    Jest: `${majorOf(installed('jest'))}, ${majorOf(installed('jest-30'))}`,
    esbuild: minorOf(installed('esbuild')),
    Rollup: majorOf(installed('rollup')),
    Vite: majorOf(installed('vite')),
    webpack: majorOf(installed('webpack')),
    Bun: minorOf(installed('bun')),
    Deno: minorOf(installed('deno'))
  }
  for (const [name, versions] of Object.entries(expected)) t.equal(rows.get(name)?.[0], versions, name)
  const [typeProviders = ''] = rows.get('Type providers') ?? []
  const tested = read('test/package/types.rig.ts')
  t.equal(
    typeProviders,
    `TypeBox ${versionIn(tested, 'typebox')}, JSON Schema ${versionIn(tested, 'json-schema-to-ts')}, ` +
      `Zod ${versionIn(tested, 'zod')}`
  )
})

t.test('docs/modules.md has a row for each tool that a rig tests, and a rig for each row', async (t) => {
  const rigs = filesIn('test/package', /\.rig\.ts$/).map(read)
  const names = rigs.flatMap((text) =>
    [...text.matchAll(/^ {0,2}t\.test\(\s*[`'"]([^\n]*)/gm)].map(([, name]) => name!)
  )
  t.ok(names.length > 15)
  const tools = [...rowsOf('docs/modules.md').keys()].slice(2)
  const first = tools.slice(0, tools.indexOf('Deno') + 1)
  t.ok(first.length > 10)
  for (const tool of first.flatMap((row) => row.split(', '))) {
    const pattern = new RegExp(`\\b${tool}\\b`, 'i')
    const loop = /^(Bun|Deno)$/.test(tool)
    t.ok(loop || names.some((name) => pattern.test(name)), tool)
  }
})

t.test('docs/releases.md lists the supported versions of Node, Fastify and TypeScript', async (t) => {
  const rows = rowsOf('docs/releases.md')
  const oldest = own.engines.node.replace('>=', '')
  const lines = nodeLines.filter((line) => !line.includes('.')).join(', ')
  t.equal(rows.get('Node')?.[0], `${oldest} and later lines: ${lines}`)
  t.ok(nodeLines[0]!.startsWith(oldest), 'the oldest version is tested')
  t.match(rows.get('Fastify')?.[1], own.peerDependencies.fastify.replace('^', ''))
  t.equal(rows.get('TypeScript')?.[0], `${typescripts.split(', ')[0]} and later: ${typescripts}`)
})

t.test('the workflow runs the tests on every line of Node', async (t) => {
  const lines = nodeLines.filter((line) => !line.includes('.')).join(', ')
  t.match(read('.github/workflows/ci.yml'), `node: [${lines}]`)
})

t.test('CHANGELOG.md has the section of the version in package.json', async (t) => {
  const titles = [...read('CHANGELOG.md').matchAll(/^## (.*)$/gm)].map(([, title]) => title!)
  t.equal(titles[0], 'Unreleased')
  t.match(titles[1], new RegExp(`^${own.version.replaceAll('.', '\\.')}(, not published| - \\d{4}-\\d{2}-\\d{2})$`))
})
