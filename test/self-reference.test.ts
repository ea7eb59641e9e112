import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import ts from 'typescript'
import { condition, sourceOfEntry } from './fixtures/self-reference.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const { files, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  files: string[]
  exports: Record<string, object | string>
}

t.test('each entry of the package has a published source under the condition, which comes first', async (t) => {
  t.ok(sourceOfEntry.size > 5)
  for (const [entry, source] of sourceOfEntry) {
    t.ok(existsSync(join(root, source)), `${entry}: ${source} exists`)
    t.ok(files.includes(source.split('/')[0]!), `${entry}: ${source} is published`)
  }
  for (const [entry, target] of Object.entries(exports)) {
    if (typeof target === 'object') t.equal(Object.keys(target)[0], condition, entry)
  }
})

t.test('tsconfig.json resolves each entry to the same source by its paths, and by its condition', async (t) => {
  const { options } = ts.getParsedCommandLineOfConfigFile(
    join(root, 'tsconfig.json'),
    {},
    { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => {} }
  )!
  const { paths, ...byCondition } = options
  t.ok(paths)
  for (const [entry, source] of sourceOfEntry) {
    for (const compilerOptions of [options, byCondition]) {
      const from = join(root, 'example-server/app.ts')
      const mode = ts.ModuleKind.ESNext
      const { resolvedModule } = ts.resolveModuleName(entry, from, compilerOptions, ts.sys, undefined, undefined, mode)
      t.equal(resolvedModule?.resolvedFileName, join(root, source).replaceAll('\\', '/'), entry)
    }
  }
})

/** Runs Node in a folder; resolves to what it printed. */
function run(cwd: string, parameters: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, parameters, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
  return new Promise((resolve) => child.on('close', () => resolve(output.trim())))
}

t.test('a program without the condition loads the source too, and never a copy in dist/ beside it', async (t) => {
  const folder = t.testdir()
  for (const name of ['plugin', 'client', 'package.json', 'tsconfig.json', 'test/runner/typescript.js']) {
    cpSync(join(root, name), join(folder, name), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction')
  mkdirSync(join(folder, 'example-server'))
  writeFileSync(
    join(folder, 'example-server/program.ts'),
    `import { AuthError } from 'fastify-authenticate'
import { memoryStore } from 'fastify-authenticate/stores/memory'
import { createAuth } from 'fastify-authenticate/client'
import * as client from '../client/index.js'
import * as plugin from '../plugin/index.ts'
import * as store from '../plugin/stores/memory.ts'
const same = AuthError === plugin.AuthError && memoryStore === store.memoryStore && createAuth === client.createAuth
console.log(same ? 'one plugin' : 'two')`
  )
  const loaders = [
    ['--import', 'tsx'],
    ['--import', 'tsx/esm'],
    [`--conditions=${condition}`, '--import', 'tsx/esm'],
    // Knows no tsconfig.json.
    [`--conditions=${condition}`, '--import', './test/runner/typescript.js']
  ]
  const printedBy = (loader: readonly string[]) => run(folder, [...loader, 'example-server/program.ts'])
  t.equal(await printedBy(loaders[0]!), 'one plugin', 'without dist/')
  for (const entry of ['index.js', 'client/index.js', 'stores/memory.js']) {
    const file = join(folder, 'dist', entry)
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(file, "throw new Error('the built plugin was loaded')")
  }
  for (const loader of loaders) t.equal(await printedBy(loader), 'one plugin', loader.join(' '))
})
