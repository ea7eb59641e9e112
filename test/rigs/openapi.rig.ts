// The document of the example server, as tools of others read it: a linter, and a generator of types.
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

t.setTimeout(120_000)

const here = fileURLToPath(new URL('.', import.meta.url))
const root = join(here, '../..')
// In the folder of the rigs, so that `openapi-fetch` is found.
const folder = mkdtempSync(join(here, 'openapi/.cache-'))
t.teardown(() => rmSync(folder, { recursive: true }))

/** The document, by the program that serves it: the rigs do not compile the example server. */
function writeDocument(): string {
  const program = ['--import', 'tsx', 'test/rigs/openapi/write-document.js', folder]
  execFileSync(process.execPath, program, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
  return join(folder, 'openapi.json')
}

const document = writeDocument()
const bin = (name: string) => join(here, 'node_modules/.bin', name)

t.test("redocly's recommended rules find nothing, and none is ignored", async (t) => {
  const { stdout } = spawnSync(bin('redocly'), ['lint', '--extends', 'recommended', '--format', 'json', document], {
    encoding: 'utf8',
    env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' }
  })
  const { problems } = JSON.parse(stdout) as { problems: { ruleId: string; message: string; ignored?: boolean }[] }
  t.strictSame(
    problems.map(({ ruleId, message }) => `${ruleId}: ${message}`),
    []
  )
})

t.test('openapi-typescript makes types that a client can be written with', async (t) => {
  execFileSync(bin('openapi-typescript'), [document, '-o', join(folder, 'api.d.ts')], { stdio: 'ignore' })
  copyFileSync(join(here, 'openapi/client.ts.txt'), join(folder, 'client.ts'))
  const compilerOptions = {
    strict: true,
    noEmit: true,
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2023', 'dom'],
    types: [],
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['client.ts'] }))
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' })
  t.equal(stdout, '')
  t.equal(status, 0)
})
