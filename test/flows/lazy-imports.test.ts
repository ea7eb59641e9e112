import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'

const root = new URL('../../', import.meta.url)
const { exports } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as {
  exports: Record<string, string | { default: string }>
}

/** What every application loads: the plugin and the rules of all stores. The default store has a row of its own. */
const always = ['./package.json', 'plugin/index', 'plugin/stores/memory', 'plugin/stores/session-store']

/** The source files of the other subpaths: `plugin/stores/redis`, for `redis.ts` and its folder. */
const subpaths = Object.values(exports).flatMap((entry) => {
  if (typeof entry !== 'string' && entry.default.startsWith('./dist/client/')) return ['client/[\\w-]+\\.js']
  const source = typeof entry === 'string' ? entry : entry.default.replace('./dist/', 'plugin/').replace('.js', '')
  return always.includes(source) ? [] : [source]
})

const cookie = /[/\\]@fastify[/\\]cookie[/\\]/
const signing = /[/\\](@fastify[/\\]jwt|fast-jwt|asn1\.js|bn\.js)[/\\]/
const jose = /[/\\]node_modules[/\\]jose[/\\]/
const typebox = /[/\\]@sinclair[/\\]typebox[/\\]/
const compiler = /[/\\]typebox[/\\]build[/\\]\w+[/\\]compiler[/\\]/
const memoryStore = /\/plugin\/stores\/memory[/.]/
const ofTrustedIssuers = /\/plugin\/tokens\/(trusted-issuer|remote-keys|bounded-fetch|discovery)\.ts$/
const schemaCheck = /\/plugin\/tokens\/claims-schema-check\.ts$/

/** Runs a program of test/fixtures/ in a process of its own, and reads what it prints. */
async function run(program: string): Promise<unknown> {
  const path = fileURLToPath(new URL(`../fixtures/${program}`, import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, path])
  return JSON.parse(stdout)
}

t.test('an application loads only what its options need', async (t) => {
  const steps = (await run('importing-process.ts')) as Record<string, string[]>
  const modules = (step: string) => steps[step]!.map((file) => file.replaceAll('\\', '/'))

  t.ok(subpaths.includes('plugin/stores/redis') && subpaths.includes('plugin/stores/contract'), 'subpaths are found')
  t.ok(
    modules('import').some((file) => file.endsWith('/plugin/http/authenticate.ts')),
    'loaded files are recorded'
  )
  const isOf = (subpath: string) => (file: string) => new RegExp(`/${subpath}($|\\.ts$|/)`).test(file)
  for (const step of [
    'import',
    'store',
    'cookies: false',
    'register',
    'verify',
    'trustedIssuers',
    'sign',
    'accessToken.claims'
  ]) {
    const files = modules(step)
    t.equal(
      files.some((file) => cookie.test(file)),
      !['import', 'store', 'cookies: false'].includes(step),
      `@fastify/cookie: ${step}`
    )
    t.equal(
      files.some((file) => signing.test(file)),
      ['sign', 'accessToken.claims'].includes(step),
      `@fastify/jwt, unless the application only verifies: ${step}`
    )
    t.strictSame(
      subpaths.flatMap((subpath) => files.filter(isOf(subpath))),
      [],
      `no file of a subpath: ${step}`
    )
    t.equal(
      files.some((file) => memoryStore.test(file)),
      !['import', 'store'].includes(step),
      `the memory store, unless the application has another: ${step}`
    )
    t.equal(
      files.some((file) => ofTrustedIssuers.test(file)),
      ['trustedIssuers', 'sign', 'accessToken.claims'].includes(step),
      `what fetches the keys of trusted issuers: ${step}`
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

t.test(
  'if @fastify/jwt cannot be loaded, the error says so, nothing is written, and the client can retry',
  async (t) => {
    const message = '@fastify/jwt, which signs access tokens, cannot be loaded'
    t.strictSame(await run('failing-import-process.ts'), {
      whileItFails: {
        signIn: { status: 500, message },
        refresh: { status: 500, message },
        sign: [message, 'there is no such package'],
        sessionsOfBob: 0,
        generation: 0
      },
      refreshAfterwards: { status: 200 }
    })
  }
)
