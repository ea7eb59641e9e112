import ts from 'typescript'
import type { PluginPackage } from './plugin-package.ts'

export type Versions = Readonly<Record<string, string>>

/** The members of `package.json` that are read. */
export interface Manifest {
  readonly name: string
  readonly version: string
  readonly license: string
  readonly engines: Versions
  readonly scripts: Versions
  readonly dependencies: Versions
  readonly devDependencies: Versions
  readonly peerDependencies: Versions
}

/** A program of the example server, in a script of `package.json`. */
const program = /^node --conditions=\S+ --import \S+ example-server\/(\S+)$/

/** What `npm test`, `npm run dev` and `npm run build` need, without an import. */
const tools = ['@types/node', 'tsx', 'typescript']

export interface NewManifest {
  readonly name: string
  readonly dependencies: Versions
  readonly devDependencies: Versions
  readonly [member: string]: unknown
}

/** The `package.json` of a project with these files: what they import, in the versions of this repository. */
export function createManifest(
  files: ReadonlyMap<string, string | Buffer>,
  { name, plugin, ours }: { name: string; plugin: PluginPackage; ours: Manifest }
): NewManifest {
  const known: Versions = { ...ours.devDependencies, ...ours.dependencies, [ours.name]: plugin.spec }
  const importedIn = (folder: string) =>
    new Set([...files].filter(([path]) => path.startsWith(folder)).flatMap(([path, text]) => packagesIn(path, text)))
  const imported = importedIn('src/')
  const inTests = [...importedIn('test/')].filter((found) => !imported.has(found))
  const types = [...imported, ...inTests].map(typesOf).filter((found) => found in known)
  return {
    name,
    version: '0.1.0',
    private: true,
    type: 'module',
    engines: ours.engines,
    scripts: {
      dev: 'tsx watch --import ./scripts/env.js src/server.ts',
      prestart: 'npm run build',
      start: 'node --import ./scripts/env.js dist/server.js',
      build: 'node scripts/build.js && tsc -p tsconfig.build.json',
      types: 'tsc && tsc -p src/page',
      test: 'node --import tsx --test test/*.test.ts',
      ...programs(ours.scripts)
    },
    dependencies: versions([...imported], known),
    devDependencies: versions([...inTests, ...types, ...tools], known)
  }
}

/** `npm run users` and its like, without a build. */
function programs(scripts: Versions): Versions {
  const found: Record<string, string> = {}
  for (const [name, command] of Object.entries(scripts)) {
    const [, file] = program.exec(command) ?? []
    if (file !== undefined && name !== 'start') found[name] = `tsx --import ./scripts/env.js src/${file}`
  }
  return found
}

function versions(names: readonly string[], known: Versions): Versions {
  const missing = names.filter((name) => !(name in known))
  if (missing.length > 0) throw new Error(`package.json does not list what the server imports: ${missing.join(', ')}`)
  return Object.fromEntries([...new Set(names)].sort().map((name) => [name, known[name]!]))
}

/** The packages that a file imports; also only as types, and in `typeof import('…')`. */
function packagesIn(path: string, content: string | Buffer): string[] {
  if (!/\.[jt]s$/.test(path)) return []
  const { importedFiles } = ts.preProcessFile(String(content))
  const names = importedFiles.map(({ fileName }) => fileName)
  // A logger starts its transports by name.
  const transports = [...String(content).matchAll(/\btarget: '([^']+)'/g)].map(([, target]) => target!)
  return [...names, ...transports].filter((name) => !/^(\.|\/|node:)/.test(name)).map(packageOf)
}

const packageOf = (specifier: string) => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')

const typesOf = (name: string) => `@types/${name.replace(/^@(.+)\/(.+)$/, '$1__$2')}`
