// The built files of the package. test/docs/tarball.test.ts checks its pages.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { filesBelow } from '../fixtures/files.ts'
import { run } from './commands.ts'
import { consumer, write } from './consumer.ts'
import { entries } from './sources.ts'

const { folder, tarball } = await consumer(t)
const installed = join(folder, 'node_modules/fastify-authenticate')
const files = filesBelow(installed)

t.test('the package has these folders and kinds of files', async (t) => {
  const folders = files.map((file) => (file.includes('/') ? `${file.split('/')[0]}/` : file))
  t.strictSame(
    [...new Set(folders)],
    ['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'client/', 'dist/', 'docs/', 'package.json', 'plugin/']
  )
  t.strictSame(
    files.filter((file) => file.startsWith('dist/') && !/\.(js|js\.map|d\.ts|d\.ts\.map)$/.test(file)),
    []
  )
})

t.test('the tarball is smaller than 1.2 MB', async (t) => {
  t.ok(statSync(tarball).size < 1_200_000, `${statSync(tarball).size} bytes`)
})

t.test('every source map leads to a file of the package', async (t) => {
  const maps = files.filter((file) => file.endsWith('.map'))
  t.ok(maps.length > 50)
  const missing = maps.flatMap((map) => {
    const { sources, sourceRoot = '' } = JSON.parse(readFileSync(join(installed, map), 'utf8')) as {
      sources: string[]
      sourceRoot?: string
    }
    const paths = sources.map((source) => join(dirname(map), sourceRoot, source))
    return paths.filter((path) => !existsSync(join(installed, path))).map((path) => `${map}: ${path}`)
  })
  t.strictSame(missing, [])
})

t.test('the build leaves no program that no entry imports, and no declaration without a source', async (t) => {
  const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
    exports: Record<string, { default?: string }>
  }
  const starts = Object.values(manifest.exports).map(({ default: program }) => program)
  const reached = new Set(starts.filter((path) => path !== undefined).map((path) => join(path)))
  for (const file of reached) {
    // Comments of the client name the files of its types.
    const text = readFileSync(join(installed, file), 'utf8').replace(/\/\*\*[^]*?\*\//g, '')
    for (const [, specifier] of text.matchAll(/(?:from ?|import ?\(?)["'](\.[^"']+)["']/g)) {
      reached.add(join(dirname(file), specifier!))
    }
  }
  const programs = files.filter((file) => /^dist\/.*\.js$/.test(file))
  // A file of types alone.
  const isEmpty = (file: string) => readFileSync(join(installed, file), 'utf8').trim() === 'export {};'
  t.strictSame(
    programs.filter((file) => !reached.has(file) && !isEmpty(file)),
    []
  )
  const declarations = files.filter((file) => /^dist\/.*\.d\.ts$/.test(file))
  t.ok(declarations.length > 50)
  const isOrphan = (file: string) => {
    const source = file
      .replace(/^dist\/(client\/)?/, (_, client?: string) => client ?? 'plugin/')
      .slice(0, -'.d.ts'.length)
    return !files.includes(`${source}.ts`) && !files.includes(`${source}.js`)
  }
  t.strictSame(declarations.filter(isOrphan), [])
})

t.test('classes are the same through every entry', async (t) => {
  const program = `
    const classes = new Map()
    for (const entry of ${JSON.stringify(entries)}) {
      for (const [name, value] of Object.entries(await import(entry))) {
        if (!/^class/.test(String(value))) continue
        if (classes.has(name) && classes.get(name) !== value) console.log(entry, name)
        classes.set(name, value)
      }
    }
    console.log([...classes.keys()].includes('AuthError'))`
  write(folder, { 'classes.mjs': program })
  t.strictSame(await run([process.execPath, 'classes.mjs'], { cwd: folder }), { status: 0, text: 'true' })
})
