import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runCommand } from '../example-server/commands/command.ts'
import { choosePlugin } from './plugin-package.ts'
import { createProject, type Project } from './project.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

const help = [
  'Usage: npm run eject -- FOLDER [--plugin SPEC]',
  '',
  'Writes a project of your own into FOLDER, which must be new or empty: the server, its page, tests, Dockerfile and',
  'compose file, CI and README.',
  '',
  '  --plugin SPEC   where npm gets fastify-authenticate: a version such as ^1.0.0, a URL, or a tarball, which is',
  '                  copied into the project. Default: a tarball of this repository.'
]

/** Writes the project, and resolves to the lines to print. Paths are relative to `cwd`. */
export async function eject(args: readonly string[], { cwd = process.cwd() } = {}): Promise<string[]> {
  const { folder, spec } = readArguments(args)
  const target = resolve(cwd, folder)
  assertNew(target, folder)
  const temporary = mkdtempSync(join(tmpdir(), 'eject-'))
  try {
    const plugin = await choosePlugin({ spec, root, cwd, temporary })
    const project = createProject({ root, name: packageName(target), plugin })
    write(project, target)
    return describe({ folder: relative(cwd, target) || '.', isLocked: project.has('package-lock.json') })
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

function readArguments(args: readonly string[]): { folder: string; spec: string | undefined } {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { plugin: { type: 'string' }, help: { type: 'boolean', short: 'h' } }
  })
  const [folder = '', ...more] = positionals
  if (folder === '' || more.length > 0) {
    throw new Error(
      `expected one folder: npm run eject -- ../my-app: received ${args.length === 0 ? 'none' : args.join(' ')}`
    )
  }
  if (values.plugin?.trim() === '') {
    throw new Error(`--plugin must be a version, a URL or a tarball: received "${values.plugin}"`)
  }
  return { folder, spec: values.plugin }
}

function assertNew(target: string, folder: string): void {
  const inside = relative(realpathSync(root), realPath(target))
  if (inside === '' || !(inside === '..' || inside.startsWith(`..${sep}`) || resolve(inside) === inside)) {
    throw new Error(`the folder must be outside of this repository, such as ../my-app: received ${folder}`)
  }
  if (!existsSync(target)) return
  if (!statSync(target).isDirectory()) throw new Error(`the folder must be new or empty: ${folder} is a file`)
  if (readdirSync(target).length > 0) throw new Error(`the folder must be new or empty: ${folder} has files in it`)
}

/** Follows the links of those folders that exist. */
function realPath(path: string): string {
  return existsSync(path) ? realpathSync(path) : join(realPath(dirname(path)), basename(path))
}

/** The name of the folder, as npm allows it. */
export function packageName(target: string): string {
  const name = basename(target)
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[._-]+|[._-]+$/g, '')
  // npm refuses the project if it has the name of one of its packages.
  return name === '' || name === 'fastify-authenticate' || name === 'node_modules' ? 'my-app' : name
}

/** Writes everything, or nothing: a folder beside the target gets its name when it is complete. */
function write(project: Project, target: string): void {
  mkdirSync(dirname(target), { recursive: true })
  const unfinished = mkdtempSync(`${target}.unfinished-`)
  try {
    for (const [path, content] of project) {
      const file = join(unfinished, path)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, content)
    }
    if (existsSync(target)) rmSync(target, { recursive: true })
    renameSync(unfinished, target)
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true })
    throw error
  }
}

function describe({ folder, isLocked }: { folder: string; isLocked: boolean }): string[] {
  return [
    `wrote a project into ${folder}. Next:`,
    '',
    `  cd ${folder}`,
    `  npm ${isLocked ? 'ci' : 'install'}`,
    '  npm test',
    '  npm start',
    '',
    `${join(folder, 'README.md')} says what to change first.`
  ]
}

await runCommand({ url: import.meta.url, purpose: 'eject', help, run: eject })
