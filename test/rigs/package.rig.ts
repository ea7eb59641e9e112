import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { publint } from 'publint'
import t from 'tap'
import { namedBlock } from '../fixtures/named-block.ts'
import { byTwos, compilers, install, link, node22, rigPackage, run, write } from './package/consumer.ts'
import { page, pageProject } from './package/page.ts'
import { comparing, entries, importing, importingLater, jestTest, outcome, requiring } from './package/sources.ts'

t.setTimeout(280_000)
// Outside of the project, whose packages and settings must not be found.
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'package-')))
t.teardown(() => rmSync(folder, { recursive: true }))
const tarball = await install(folder)

const nodes = { 'this Node': process.execPath, ...(existsSync(node22) && { 'Node 22': node22 }) }

t.test('require() loads every entry of the package, and Fastify registers what it returns', async (t) => {
  t.ok(entries.length > 5, 'the entries are found')
  write(folder, { 'requiring.cjs': requiring, 'comparing.cjs': comparing })
  for (const [name, node] of Object.entries(nodes)) {
    t.strictSame(await run([node, 'requiring.cjs'], { cwd: folder }), { status: 0, text: outcome }, name)
    t.strictSame(await run([node, 'comparing.cjs'], { cwd: folder }), { status: 0, text: '[]' }, name)
  }
})

t.test('publint and attw find nothing wrong with any entry', async (t) => {
  const { messages } = await publint({ pack: { tarball: new Uint8Array(readFileSync(tarball)).buffer }, strict: true })
  t.strictSame(messages, [])
  // Node requires ES modules since 20.19, which attw does not know. The first test shows that it does.
  const ignored = ['--ignore-rules', 'cjs-resolves-to-esm']
  const attw = [process.execPath, rigPackage('@arethetypeswrong/cli/dist/index.js'), tarball, ...ignored] as const
  const { status, text } = await run([...attw, '--format', 'ascii', '--no-summary'], { cwd: folder })
  t.equal(status, 0) || t.comment(text)
  for (const entry of entries) t.match(text, `"${entry}"`)
})

/** Compiles files. The errors are `file: code`. */
async function tsc(version: keyof typeof compilers, parameters: string) {
  const { text } = await run([process.execPath, compilers[version], ...parameters.split(' ')], { cwd: folder })
  const errors = [...text.matchAll(/^(?:(.*)\(\d+,\d+\): )?error (TS\d+)/gm)]
  return { errors: [...new Set(errors.map(([, file = '', code]) => `${file}: ${code}`))], text }
}

const compile = (version: keyof typeof compilers, parameters: string) =>
  tsc(version, `--strict --target es2022 --esModuleInterop --types node ${parameters}`)

t.test('every TypeScript finds the types of every entry', async (t) => {
  write(folder, { 'commonjs/app.ts': importing, 'later/app.ts': importingLater, 'esm/app.mts': importing })
  const node10 = '--module commonjs --moduleResolution node10 --outDir out commonjs/app.ts'
  /** Before `node20`, TypeScript does not know that Node requires ES modules. */
  const refusal = ['commonjs/app.ts: TS1479']
  const rows: [keyof typeof compilers, string, string[]][] = [
    ['5.6', node10, []],
    ['6.0', `${node10} --ignoreDeprecations 6.0`, []],
    ['5.6', '--noEmit --module node16 commonjs/app.ts later/app.ts esm/app.mts', refusal],
    ['5.9', '--noEmit --module node20 commonjs/app.ts esm/app.mts', []],
    ['6.0', '--noEmit --module esnext --moduleResolution bundler esm/app.mts', []],
    ['7.0', '--noEmit --module nodenext commonjs/app.ts esm/app.mts', []]
  ]
  const found = await byTwos(rows, ([version, parameters]) => compile(version, `--skipLibCheck ${parameters}`))
  for (const [index, [version, parameters, expected]] of rows.entries()) {
    const { errors, text } = found[index]!
    t.strictSame(errors, expected, `TypeScript ${version} ${parameters}`) || t.comment(text)
  }
  for (const [name, node] of Object.entries(nodes)) {
    t.strictSame(await run([node, 'out/app.js'], { cwd: folder }), { status: 0, text: outcome }, `compiled: ${name}`)
  }
})

t.test('a page compiles with the types of the DOM alone', async (t) => {
  write(folder, { 'page/page.ts': page, 'page/tsconfig.json': pageProject })
  const versions = Object.keys(compilers) as (keyof typeof compilers)[]
  const found = await byTwos(versions, (version) => tsc(version, '-p page'))
  for (const [index, { errors, text }] of found.entries()) {
    t.strictSame(errors, [], `TypeScript ${versions[index]}`) || t.comment(text)
  }
})

t.test('esbuild bundles the client for browsers from its own files alone, and only if it is used', async (t) => {
  const bundle = async (contents: string) => {
    const options = { bundle: true, minify: true, format: 'esm', platform: 'browser', metafile: true } as const
    const stdin = { contents, resolveDir: folder }
    const { metafile, outputFiles, warnings } = await build({ ...options, stdin, write: false, absWorkingDir: folder })
    t.strictSame(warnings, [])
    const imported = Object.values(metafile.inputs).flatMap(({ imports }) => imports.map(({ path }) => path))
    return { text: outputFiles[0]!.text, imported }
  }
  const { imported } = await bundle("export * from 'fastify-authenticate/client'")
  t.ok(imported.length > 0)
  const own = 'node_modules/fastify-authenticate/dist/client/'
  t.strictSame(
    imported.filter((path) => !path.startsWith(own)),
    []
  )
  t.equal((await bundle("import { createAuth } from 'fastify-authenticate/client'")).text.trim(), '')
})

t.test('jest in CommonJS mode runs the plugin with the configuration of docs/modules.md, or with Babel', async (t) => {
  const config = namedBlock('docs/modules.md', 'jest.config.js')
  const toCommonJs = ['modules-commonjs', 'dynamic-import'].map((name) => rigPackage(`@babel/plugin-transform-${name}`))
  const babel = { '\\.js$': [rigPackage('babel-jest'), { configFile: false, plugins: toCommonJs }] }
  link(folder, { 'ts-jest': rigPackage('ts-jest') })
  write(folder, {
    'jest-babel/plugin.test.js': jestTest,
    'jest-babel/jest.config.js': `${config}\nmodule.exports.transform = ${JSON.stringify(babel)}`,
    'jest-ts/plugin.test.ts': jestTest,
    'jest-ts/jest.config.js': config
  })
  const jest = [process.execPath, rigPackage('jest/bin/jest.js'), '--projects', 'jest-babel', 'jest-ts'] as const
  const { status, text } = await run(jest, { cwd: folder })
  t.equal(status, 0, text)
  t.match(text, /Tests: +2 passed, 2 total/)
})

t.test('the declarations have no errors with the types of a newer Node', async (t) => {
  const types = join(folder, 'node_modules/@types/node')
  rmSync(types, { recursive: true })
  symlinkSync(rigPackage('types-node-26'), types, 'junction')
  const { errors, text } = await compile('5.9', '--noEmit --module nodenext --skipLibCheck false esm/app.mts')
  t.strictSame(errors, [], 'Node 26') || t.comment(text)
})
