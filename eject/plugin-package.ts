import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'

/** Where the project gets `fastify-authenticate` from. */
export interface PluginPackage {
  /** Its version in `package.json`, such as `^1.0.0` or `file:vendor/….tgz`. */
  readonly spec: string
  /** The tarball that is copied into the project; `null` if npm finds the package elsewhere. */
  readonly tarball: Tarball | null
  /** Whether it is what this repository contains. */
  readonly isThisOne: boolean
}

export interface Tarball {
  /** In the project. */
  readonly path: string
  readonly content: Buffer
  /** As in `package-lock.json`. */
  readonly integrity: string
}

interface Choice {
  /** What the user asked for. Default: this repository. */
  readonly spec: string | undefined
  readonly root: string
  readonly cwd: string
  /** A folder for the tarball that is made. */
  readonly temporary: string
}

export async function choosePlugin({ spec, root, cwd, temporary }: Choice): Promise<PluginPackage> {
  if (spec === undefined) return vendored(await pack(root, temporary), { isThisOne: true })
  if (!/\.t(ar\.)?gz$/.test(spec) || /^https?:/.test(spec)) {
    return { spec: spec.replace(/^fastify-authenticate@/, ''), tarball: null, isThisOne: false }
  }
  const file = resolve(cwd, spec.replace(/^file:/, ''))
  if (!existsSync(file)) throw new Error(`--plugin must be a version, a URL or an existing tarball: received ${spec}`)
  return vendored(file, { isThisOne: false })
}

function vendored(file: string, { isThisOne }: { isThisOne: boolean }): PluginPackage {
  const content = readFileSync(file)
  const path = `vendor/${basename(file)}`
  const integrity = `sha512-${createHash('sha512').update(content).digest('base64')}`
  return { spec: `file:${path}`, tarball: { path, content, integrity }, isThisOne }
}

/** Builds and packs the plugin. @returns the path of the tarball */
async function pack(root: string, folder: string): Promise<string> {
  // A shell, because Windows starts npm by a script.
  const child = spawn('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: root, shell: true })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  }
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve))
  const name = readdirSync(folder).find((name) => name.endsWith('.tgz'))
  if (code !== 0 || name === undefined) throw new Error(`npm pack failed with exit code ${code}:\n${output.trim()}`)
  return join(folder, name)
}
