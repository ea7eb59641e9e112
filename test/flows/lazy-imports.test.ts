import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'

const root = new URL('../../', import.meta.url)
const { exports } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as {
  exports: Record<string, string | { default: string }>
}

/** What every application loads: the plugin, the default store and the rules of all stores. */
const always = ['./package.json', 'plugin/index', 'plugin/stores/memory', 'plugin/stores/session-store']

/** The source files of the other subpaths: `plugin/stores/redis`, for `redis.ts` and its folder. */
const subpaths = Object.values(exports).flatMap((entry) => {
  if (typeof entry !== 'string' && entry.default.startsWith('./dist/client/')) return ['client/[\\w-]+\\.js']
  const source = typeof entry === 'string' ? entry : entry.default.replace('./dist/', 'plugin/').replace('.js', '')
  return always.includes(source) ? [] : [source]
})

const jose = /[/\\]node_modules[/\\]jose[/\\]/
const typebox = /[/\\]@sinclair[/\\]typebox[/\\]/
const compiler = /[/\\]typebox[/\\]build[/\\]\w+[/\\]compiler[/\\]/
const schemaCheck = /\/plugin\/tokens\/claims-schema-check\.ts$/

t.test('an application loads only what its options need', async (t) => {
  const program = fileURLToPath(new URL('../fixtures/importing-process.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, program])
  const steps: Record<string, string[]> = JSON.parse(stdout)
  const modules = (step: string) => steps[step]!.map((file) => file.replaceAll('\\', '/'))

  t.ok(subpaths.includes('plugin/stores/redis') && subpaths.includes('plugin/stores/contract'), 'subpaths are found')
  t.ok(
    modules('import').some((file) => file.endsWith('/plugin/http/authenticate.ts')),
    'loaded files are recorded'
  )
  const isOf = (subpath: string) => (file: string) => new RegExp(`/${subpath}($|\\.ts$|/)`).test(file)
  for (const step of ['import', 'register', 'trustedIssuers', 'accessToken.claims']) {
    const files = modules(step)
    t.strictSame(
      subpaths.flatMap((subpath) => files.filter(isOf(subpath))),
      [],
      `no file of a subpath: ${step}`
    )
    t.notOk(
      files.some((file) => jose.test(file)),
      `no jose before an issuer's keys are fetched: ${step}`
    )
    t.equal(
      files.some((file) => typebox.test(file)),
      step === 'accessToken.claims',
      `TypeBox: ${step}`
    )
    t.equal(
      files.some((file) => compiler.test(file)),
      step === 'accessToken.claims',
      `the compiler of TypeBox: ${step}`
    )
    t.equal(
      files.some((file) => schemaCheck.test(file)),
      step === 'accessToken.claims',
      `the check of the schema: ${step}`
    )
  }
})
