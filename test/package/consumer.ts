// A project that has installed the tarball of `npm pack`, as a user does.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from './commands.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Resolves a package of `test/package/package.json`. */
export const ownPackage = (name: string) => join(root, 'test/package/node_modules', name)

/** Resolves a package of the project's own `package.json`. */
export const projectPackage = (name: string) => join(root, 'node_modules', name)

/** The TypeScript compilers by version. */
export const compilers = {
  '5.6': ownPackage('typescript-5.6/bin/tsc'),
  '5.7': ownPackage('typescript-5.7/bin/tsc'),
  '5.8': ownPackage('typescript-5.8/bin/tsc'),
  '5.9': projectPackage('typescript/bin/tsc'),
  '6.0': ownPackage('typescript/bin/tsc'),
  '7.0': ownPackage('typescript-7/bin/tsc')
}

/** Where {@link packOnce} has packed and installed the plugin. */
const packedIn = 'PACKED_PLUGIN'

async function succeed(command: readonly [string, ...string[]], cwd: string): Promise<void> {
  const { status, text } = await run(command, { cwd })
  if (status !== 0) throw new Error(`${command.join(' ')}: ${text}`)
}

const quietly = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', '--silent']

/**
 * Packs the plugin, and installs it with Fastify, for all rigs of a run. They find it by an environment variable.
 * @returns removes what was installed
 */
export async function packOnce(): Promise<() => void> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'packed-')))
  await pack(folder)
  process.env[packedIn] = folder
  return () => rmSync(folder, { recursive: true, force: true })
}

async function pack(folder: string): Promise<void> {
  await succeed(['npm', 'pack', '--silent', '--pack-destination', folder], root)
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true }))
  await succeed(['npm', 'install', ...quietly, `./${tarballIn(folder)}`, 'fastify@5', '@types/node@20'], folder)
}

const tarballIn = (folder: string) => readdirSync(folder).find((name) => name.endsWith('.tgz'))!

/**
 * Makes a folder that has the packed plugin and Fastify, and nothing of the project. It ends with the test.
 * @param more further packages to install, such as `fastify@5.0.0`
 */
export async function consumer(t: { teardown(end: () => void): void }, more: readonly string[] = []) {
  // Outside of the project, whose packages and settings must not be found.
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'consumer-')))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const packed = process.env[packedIn]
  if (packed === undefined) await pack(folder)
  else cpSync(packed, folder, { recursive: true, verbatimSymlinks: true })
  if (more.length > 0) await succeed(['npm', 'install', ...quietly, ...more], folder)
  return { folder, tarball: join(folder, tarballIn(folder)) }
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
