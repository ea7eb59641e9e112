import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { filesIn } from '../fixtures/files.ts'
import { print, red } from './print.ts'
import { endAll, runFile } from './test-process.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const timeoutMs = 600_000

export interface Rigs {
  /** A folder with a `package.json` of its own, such as `test/rigs`. */
  readonly folder: string
  /** Further folders with a `package.json`, whose packages the rigs use. */
  readonly needs?: readonly string[]
  /** The TypeScript projects to check. */
  readonly projects: readonly string[]
  /** Runs after the packages are installed. May return what cleans up. */
  readonly prepare?: () => void | Promise<() => void>
  /** How many rigs run at a time. Default: 1. */
  readonly jobs?: number
}

/** Runs a command in the folder of the project, and stops with its exit code if it fails. */
function run(command: string): void {
  // A shell, because Windows starts npm by a script.
  const { status } = spawnSync(command, { stdio: 'inherit', shell: true, cwd: root })
  if (status !== 0) process.exit(status ?? 1)
}

/** Resolves to the exit code of the compiler. */
async function compile(project: string): Promise<number | null> {
  const compiler = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', import.meta.url))
  const child = spawn(process.execPath, [compiler, '-p', project], { stdio: 'inherit', cwd: root })
  const [code] = (await once(child, 'exit')) as [number | null]
  return code
}

/** Installs the folder's packages if they are missing, and makes sure that no process stays behind. */
async function prepareRigs({ folder, needs = [], projects, prepare = () => {} }: Rigs): Promise<void> {
  process.on('exit', endAll)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1))
  for (const place of [folder, ...needs]) {
    if (!existsSync(join(root, place, 'node_modules'))) run(`npm ci --prefix ${place} --no-audit --no-fund`)
  }
  const cleanUp = await prepare()
  if (cleanUp) process.on('exit', cleanUp)
  const codes = await Promise.all(projects.map(compile))
  if (codes.some((code) => code !== 0)) process.exit(1)
}

/**
 * Runs each `*.rig.ts` of the folder whose path contains one of the names, or all, one process per file. The process
 * exits with 1 if one fails.
 */
export async function runRigs(rigs: Rigs, names: readonly string[]): Promise<void> {
  await prepareRigs(rigs)
  const files = filesIn(rigs.folder, /\.rig\.ts$/).filter(
    (file) => names.length === 0 || names.some((name) => file.includes(name))
  )
  let failed = files.length === 0
  if (failed) console.log(red('no rig has this name'))
  async function work(): Promise<void> {
    for (let file = files.shift(); file !== undefined; file = files.shift()) {
      const result = await runFile(file, { timeoutMs })
      print(result)
      // The gate must not pass because something is missing.
      if (result.failures.length > 0 || (process.env.CI && result.skips.length > 0)) failed = true
    }
  }
  await Promise.all(Array.from({ length: rigs.jobs ?? 1 }, work))
  if (failed) process.exitCode = 1
}
