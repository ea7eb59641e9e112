import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { byTwos, run } from './commands.ts'
import { compilers, consumer, link, ownPackage, projectPackage, write } from './consumer.ts'
import { page, pageProject } from './page.ts'
import { importing, importingLater, outcome } from './sources.ts'

t.setTimeout(280_000)

type Version = keyof typeof compilers
const versions = Object.keys(compilers) as Version[]

interface Program {
  readonly options: object
  readonly files: readonly string[]
}

interface Compiled {
  /** As `file: code`. */
  readonly errors: readonly string[]
  readonly text: string
}

const strict = {
  strict: true,
  skipLibCheck: false,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: true,
  noImplicitOverride: true,
  isolatedModules: true,
  target: 'es2022',
  lib: ['es2023'],
  types: ['node'],
  noEmit: true
}
const strictEsm = { ...strict, verbatimModuleSyntax: true }
const commonJs = { ...strict, esModuleInterop: true }

const programs = {
  application: { options: { ...strictEsm, module: 'nodenext' }, files: ['strict/strict.mts'] },
  'nodenext, ES module': { options: { ...strictEsm, module: 'nodenext' }, files: ['esm/app.mts'] },
  'nodenext, CommonJS': { options: { ...commonJs, module: 'nodenext' }, files: ['commonjs/app.ts'] },
  'node20, CommonJS': { options: { ...commonJs, module: 'node20' }, files: ['commonjs/app.ts'] },
  'node16, CommonJS': { options: { ...commonJs, module: 'node16' }, files: ['commonjs/app.ts', 'later/app.ts'] },
  'node16, ES module': { options: { ...strictEsm, module: 'node16' }, files: ['esm/app.mts'] },
  bundler: { options: { ...strictEsm, module: 'esnext', moduleResolution: 'bundler' }, files: ['esm/app.mts'] },
  node10: {
    options: { ...commonJs, module: 'commonjs', moduleResolution: 'node10', noEmit: false, outDir: 'out' },
    files: ['commonjs/app.ts']
  }
} satisfies Record<string, Program>
type Name = keyof typeof programs

/** Before `node20`, TypeScript does not know that Node requires ES modules. */
const refusal = ['commonjs/app.ts: TS1479']
const all = Object.keys(programs) as Name[]
const without = (...names: Name[]) => all.filter((name) => !names.includes(name))

/** Compiled by the oldest and the newest version only. */
const ends = ['application', 'node16, ES module'] as const

/** What each version of TypeScript compiles, and the errors that are expected. */
const matrix: Record<Version, Partial<Record<Name, readonly string[]>>> = {
  '5.6': rowOf(without('node20, CommonJS'), { 'nodenext, CommonJS': refusal, 'node16, CommonJS': refusal }),
  '5.7': rowOf(without(...ends, 'node20, CommonJS'), { 'nodenext, CommonJS': refusal, 'node16, CommonJS': refusal }),
  '5.8': rowOf(without(...ends, 'node20, CommonJS'), { 'node16, CommonJS': refusal }),
  '5.9': rowOf(without(...ends), { 'node16, CommonJS': refusal }),
  '6.0': rowOf(without(...ends, 'node20, CommonJS'), { 'node16, CommonJS': refusal }),
  '7.0': rowOf(without('node10'), { 'node16, CommonJS': refusal })
}

function rowOf(names: readonly Name[], expected: Partial<Record<Name, readonly string[]>>) {
  return Object.fromEntries(names.map((name) => [name, expected[name] ?? []]))
}

const clients = { pg: 'pg', '@types/pg': '@types/pg', ioredis: 'ioredis', redis: 'redis' }
const { folder } = await consumer(t)
const strictApp = readFileSync(new URL('consumer/strict.ts', import.meta.url), 'utf8')
link(folder, {
  '@photostructure/sqlite': projectPackage('@photostructure/sqlite'),
  ...Object.fromEntries(Object.entries(clients).map(([name, path]) => [name, projectPackage(path)]))
})
write(folder, {
  'commonjs/app.ts': importing,
  'later/app.ts': importingLater,
  'esm/app.mts': importing,
  'strict/strict.mts': strictApp,
  'page/page.ts': page,
  'page/tsconfig.json': pageProject
})

const compiler = fileURLToPath(new URL('compile.js', import.meta.url))

/** Compiles programs, in order. Up to TypeScript 6 in one process, by the API of the compiler. */
async function compile(version: Version, list: readonly Program[]): Promise<Compiled[]> {
  if (version === '7.0') return await byTwos(list, compileNatively)
  const api = compilers[version].replace(/bin\/tsc$/, 'lib/typescript.js')
  const deprecated = version === '6.0' ? { ignoreDeprecations: '6.0' } : {}
  const given = list.map(({ options, files }) => ({ options: { ...options, ...deprecated }, files }))
  const { text } = await run([process.execPath, compiler, api, JSON.stringify(given)], { cwd: folder })
  if (!text.startsWith('[')) throw new Error(`TypeScript ${version}: ${text}`)
  return JSON.parse(text) as Compiled[]
}

/** TypeScript 7 does not have that API. */
async function compileNatively({ options, files }: Program, index: number): Promise<Compiled> {
  const name = `tsconfig.${index}.json`
  write(folder, { [name]: JSON.stringify({ compilerOptions: options, files }) })
  const { text } = await run([process.execPath, compilers['7.0'], '-p', name], { cwd: folder })
  const errors = [...text.matchAll(/^(?:(.*)\(\d+,\d+\): )?error (TS\d+)/gm)]
  return { errors: [...new Set(errors.map(([, file = '', code]) => `${file}: ${code}`))], text }
}

t.test('TypeScript: each version finds the types of every entry, in strict applications', async (t) => {
  const found = await byTwos(versions, async (version) => {
    const names = Object.keys(matrix[version]) as Name[]
    const compiled = await compile(
      version,
      names.map((name) => programs[name])
    )
    return new Map(names.map((name, index) => [name, compiled[index]!]))
  })
  for (const [index, version] of versions.entries()) {
    for (const [name, { errors, text }] of found[index]!) {
      t.strictSame(errors, matrix[version][name], `TypeScript ${version}: ${name}`) || t.comment(text)
    }
  }
  t.strictSame(await run([process.execPath, 'out/app.js'], { cwd: folder }), { status: 0, text: outcome }, 'compiled')
})

t.test('Pages: TypeScript finds the types of the client with those of the DOM alone', async (t) => {
  for (const version of ['5.6', '7.0'] as const) {
    const { compilerOptions: options, files } = JSON.parse(pageProject) as { compilerOptions: object; files: string[] }
    const [compiled] = await compile(version, [{ options, files: files.map((file) => `page/${file}`) }])
    t.strictSame(compiled!.errors, [], `TypeScript ${version}`) || t.comment(compiled!.text)
  }
})

t.test('Type providers: routes of TypeBox, JSON Schema and Zod have their user', async (t) => {
  const packages = ['typebox@1', '@fastify/type-provider-typebox@6', '@fastify/type-provider-json-schema-to-ts@5']
  const { folder } = await consumer(t, [...packages, 'fastify-type-provider-zod@7', 'zod@4', '@fastify/swagger@9'])
  link(folder, {
    '@photostructure/sqlite': projectPackage('@photostructure/sqlite'),
    ...Object.fromEntries(Object.entries(clients).map(([name, path]) => [name, projectPackage(path)]))
  })
  const files = ['strict.ts', 'providers.ts']
  const tsconfig = { compilerOptions: { ...strictEsm, skipLibCheck: true, module: 'nodenext' }, files }
  write(folder, {
    'package.json': JSON.stringify({ private: true, type: 'module' }),
    'strict.ts': strictApp,
    'providers.ts': readFileSync(new URL('consumer/providers.ts', import.meta.url), 'utf8'),
    'tsconfig.json': JSON.stringify(tsconfig)
  })
  t.strictSame(await run([process.execPath, compilers['7.0']], { cwd: folder }), { status: 0, text: '' })
})

t.test('@types/node: the declarations compile with the types of the newest Node', async (t) => {
  const types = join(folder, 'node_modules/@types/node')
  rmSync(types, { recursive: true })
  link(folder, { '@types/node': ownPackage('types-node-26') })
  const [compiled] = await compile('5.9', [programs.application])
  t.strictSame(compiled!.errors, []) || t.comment(compiled!.text)
})
