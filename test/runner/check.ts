// node --import tsx test/runner/check.ts: format, lint, types and unused code, side by side.
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'

const scripts = {
  types: ['typescript/bin/tsc'],
  'types of the example server': ['typescript/bin/tsc', '-p', 'example-server'],
  'types of the page': ['typescript/bin/tsc', '-p', 'example-server/page'],
  'types of the client': ['typescript/bin/tsc', '-p', 'client', '--noEmit'],
  lint: ['eslint/bin/eslint.js', '--cache', '--cache-strategy=content', '--cache-location=.cache/eslint', '.'],
  unused: ['knip/bin/knip.js'],
  format: ['prettier/bin/prettier.cjs', '--check', '--cache', '--cache-location=.cache/prettier', '.']
}

const queue = Object.entries(scripts)

async function work(): Promise<void> {
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const [name, [script, ...args]] = next
    const { output, code } = await run(`node_modules/${script}`, args)
    console.log(`${code === 0 ? 'pass' : 'FAIL'} ${name}`)
    if (code === 0) continue
    console.log(output)
    process.exitCode = 1
  }
}

async function run(script: string, args: readonly string[]): Promise<{ output: string; code: number | null }> {
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk
    })
  }
  return await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ output, code }))
  })
}

await Promise.all(Array.from({ length: availableParallelism() }, work))
