// npm run test:nodes [-- 22 24] [-- --fast]: runs the tests on each version of Node in `test/nodes/package.json`, or on
// those that are named, and prints a table. `--fast` runs what `npm run test:fast` runs.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { nodeLines, nodeOfLine } from '../fixtures/node-lines.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { fast: { type: 'boolean', default: false } }
})
const unknown = positionals.filter((line) => !nodeLines.includes(line))
if (unknown.length > 0) {
  console.error(`"${unknown.join()}" must be among ${nodeLines.join(', ')}`)
  process.exit(1)
}
const lines = positionals.length > 0 ? positionals : nodeLines

if (lines.some((line) => !existsSync(nodeOfLine(line)))) {
  // A shell, because Windows starts npm by a script.
  const command = 'npm ci --prefix test/nodes --no-audit --no-fund'
  const { status } = spawnSync(command, { stdio: 'inherit', shell: true, cwd: root })
  if (status !== 0) process.exit(status ?? 1)
}

interface Row {
  readonly Node: string
  readonly result: 'passed' | 'FAILED'
  /** As the runner counts them: `138 files, 16545 assertions, 60 s`. */
  readonly tests: string
}

async function runOn(line: string): Promise<Row> {
  const node = nodeOfLine(line)
  const version = String(spawnSync(node, ['--version']).stdout).trim()
  console.log(`\nNode ${version}`)
  const args = ['--import', 'tsx', 'test/runner/run.ts', ...(values.fast ? ['--fast'] : [])]
  // Programs that tests start by name, such as npm, find this Node first.
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` }
  const child = spawn(node, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    process.stdout.write(text)
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  const tests = /^\d+ files, .*$/m.exec(output)?.[0] ?? 'did not end'
  return { Node: version, result: code === 0 ? 'passed' : 'FAILED', tests }
}

const rows: Row[] = []
for (const line of lines) rows.push(await runOn(line))
console.table(rows)
if (rows.some(({ result }) => result === 'FAILED')) process.exitCode = 1
