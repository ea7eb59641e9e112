import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { exampleEnvironment } from './environment.ts'
import { createLockfile, type Lockfile } from './lockfile.ts'
import { createManifest, type Manifest } from './manifest.ts'
import type { PluginPackage } from './plugin-package.ts'
import { productionGuide, roomsOf, serverGuide } from './guide.ts'

/** The content of each file, by its path in the project. */
export type Project = ReadonlyMap<string, string | Buffer>

interface Settings {
  readonly root: string
  readonly name: string
  readonly plugin: PluginPackage
}

/** Files that stand beside the programs of the example server, and have another form in a project of its own. */
const left = /^[^/]*$(?<!\.ts$)/

/** Builds all files of the project: the server's from `example-server/`, the others from `eject/template/`. */
export function createProject({ root, name, plugin }: Settings): Project {
  const readme = readFileSync(join(root, 'example-server/README.md'), 'utf8')
  const files = new Map<string, string | Buffer>()
  for (const path of filesIn(join(root, 'example-server'))) {
    if (!left.test(path)) {
      files.set(`src/${path}`, named(moved(readFileSync(join(root, 'example-server', path), 'utf8')), name))
    }
  }
  for (const path of filesIn(join(root, 'eject/template'))) {
    const text = readFileSync(join(root, 'eject/template', path), 'utf8')
    files.set(path.replace(/^dot-/, '.'), fill(moved(text), { name, plugin, rooms: roomsOf(readme) }))
  }
  for (const path of ['tsconfig.json', 'src/page/tsconfig.json'] as const) {
    files.set(path, compilerOptions(root, path))
  }
  // The license of the sources that are copied asks for it.
  files.set('LICENSE-fastify-authenticate', readFileSync(join(root, 'LICENSE')))
  files.set('.env.example', exampleEnvironment(readme))
  files.set('docs/server.md', serverGuide(readme))
  files.set('docs/production.md', productionGuide(readFileSync(join(root, 'docs/production.md'), 'utf8'), name))
  if (plugin.tarball !== null) files.set(plugin.tarball.path, plugin.tarball.content)

  const ours = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Lockfile
  const manifest = createManifest(files, { name, plugin, ours })
  files.set('package.json', json(manifest))
  const locked = createLockfile(manifest, { plugin, ours, lock })
  if (locked !== null) files.set('package-lock.json', json(locked))
  return files
}

const json = (value: object) => `${JSON.stringify(value, null, 2)}\n`

/** The paths below a folder; not what a run leaves there. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) =>
      join(parentPath, name)
        .slice(folder.length + 1)
        .replaceAll('\\', '/')
    )
    .filter((path) => !/(^|\/)(\.|node_modules\/|data\/)/.test(path))
    .sort()
}

/** The text of a file that moves from this repository to the project, with its paths. */
function moved(text: string): string {
  return text
    .replaceAll('example-server/README.md', 'docs/server.md')
    .replace(/'(\.\.\/)+example-server\//g, "'../src/")
    .replace(/(?<![\w-])example-server\//g, 'src/')
}

/** The title of the API is the name of the project, whose license is not ours. */
function named(text: string, name: string): string {
  return text
    .replace("'fastify-authenticate, the example server'", () => `'${name}'`)
    .replace(/,\n *license: \{ name: 'MIT'.*$/m, '')
}

interface Blanks extends Pick<Settings, 'name' | 'plugin'> {
  readonly rooms: string
}

/** Fills in what a template leaves open, and leaves out lines about a tarball that is not there. */
function fill(text: string, { name, plugin, rooms }: Blanks): string {
  const lines = plugin.tarball === null ? text.split('\n').filter((line) => !/\bvendor\b/.test(line)) : [text]
  return lines.join('\n').replaceAll('my-app', name).replace('<!-- rooms -->', rooms)
}

/** Options that only this repository needs. */
const ourOptions = ['customConditions', 'paths', 'incremental', 'tsBuildInfoFile', 'allowJs']

function compilerOptions(root: string, path: 'tsconfig.json' | 'src/page/tsconfig.json'): string {
  const { config } = ts.readConfigFile(join(root, path.replace('src/', 'example-server/')), ts.sys.readFile) as {
    config: { compilerOptions: Record<string, unknown> }
  }
  const isPage = path !== 'tsconfig.json'
  const kept = Object.entries(config.compilerOptions).filter(([option]) => !ourOptions.includes(option))
  // The page imports `../../client/index.js`, which the server serves from the package.
  const client = { allowJs: true, rootDirs: ['../..', '../../node_modules/fastify-authenticate/dist'] }
  const options = Object.fromEntries(kept)
  return json(
    isPage
      ? { ...config, compilerOptions: { ...options, ...client } }
      : { compilerOptions: options, include: ['src', 'test'], exclude: ['**/node_modules', 'src/page'] }
  )
}
