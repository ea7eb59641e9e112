// npm run test:watch [-- FILE…]: runs each fast test, or each of these files, when a file that it imports changes.
import { watch } from 'node:fs'
import { parseArgs } from 'node:util'
import { canShare, importedBy, testFiles, type Imports } from './test-files.ts'
import { Batch, endAll, runFile } from './test-process.ts'
import { print } from './print.ts'

const { positionals } = parseArgs({ allowPositionals: true })
const limits = { timeoutMs: 120_000 }
const changed = new Set<string>()
let isRunning = false

process.on('exit', endAll)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(0))

for (const folder of ['plugin', 'example-server', 'test']) {
  watch(folder, { recursive: true }, (_event, name) => {
    if (name?.endsWith('.ts')) changed.add(`${folder}/${name.replaceAll('\\', '/')}`)
    if (!isRunning) runAffected().catch(fail)
  })
}
console.log('Waiting for a change; Ctrl-C ends.')

function fail(error: unknown): void {
  console.error(error)
  process.exit(1)
}

async function runAffected(): Promise<void> {
  isRunning = true
  while (changed.size > 0) {
    // Editors write a file in several steps.
    await new Promise((resolve) => setTimeout(resolve, 100))
    const sources = new Set(changed)
    changed.clear()
    const files = positionals.length > 0 ? positionals : testFiles({ fast: true })
    const batch = new Batch(limits)
    const known: Imports = new Map()
    for (const file of files.filter((file) => importedBy(file, known).some((source) => sources.has(source)))) {
      print(await (canShare(file) ? batch.run(file) : runFile(file, limits)))
    }
    await batch.end()
    console.log('')
  }
  isRunning = false
}
