// npm run test:rigs [-- NAME…]: clients and servers of others against the plugin, one process per `*.rig.ts`.
// Their packages are in `test/rigs/package.json`, not in the project's.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { filesIn } from '../fixtures/files.ts'
import { print, red } from '../runner/print.ts'
import { endAll, runFile } from '../runner/test-process.ts'
import { writeBlocks } from './mcp/page-blocks.ts'

const folder = fileURLToPath(new URL('.', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))
const timeoutMs = 300_000

process.on('exit', endAll)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1))

/** Runs a command in the folder of the project, and stops with its exit code if it fails. */
function run(command: string): void {
  // A shell, because Windows starts npm by a script.
  const { status } = spawnSync(command, { stdio: 'inherit', shell: true, cwd: root })
  if (status !== 0) process.exit(status ?? 1)
}

/** @returns the rigs whose path contains one of the names, or all */
function rigs(names: readonly string[]): string[] {
  const files = filesIn('test/rigs', /\.rig\.ts$/)
  return files.filter((file) => names.length === 0 || names.some((name) => file.includes(name)))
}

if (!existsSync(join(folder, 'node_modules'))) run('npm ci --prefix test/rigs --no-audit --no-fund')
writeBlocks()
run('npx tsc -p test/rigs')
run('npx tsc -p test/rigs/client/page')
run('npx tsc -p test/rigs/example-server')

const files = rigs(process.argv.slice(2))
let failed = files.length === 0
if (failed) console.log(red('no rig has this name'))
for (const file of files) {
  const result = await runFile(file, { timeoutMs })
  print(result)
  // The gate must not pass because something is missing.
  if (result.failures.length > 0 || (process.env.CI && result.skips.length > 0)) failed = true
}
if (failed) process.exitCode = 1
