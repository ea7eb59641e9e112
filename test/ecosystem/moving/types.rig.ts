// What docs/moving/fastify-jwt.md says about an application's own types beside those of the plugin.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import ts from '../../../node_modules/typescript/lib/typescript.js'

const root = join(import.meta.dirname, '../../..')
const folder = join(import.meta.dirname, '../.cache/types')
mkdirSync(folder, { recursive: true })

const parsed = new Map<string, ts.SourceFile | undefined>()

/**
 * The errors in an application, as `TS2430 here`. Without `skipLibCheck`, those that it causes in the declarations of
 * Fastify and of `@fastify/jwt` too.
 */
function errorsOf(code: string, { skipLibCheck = true } = {}): string[] {
  const application = join(folder, 'application.ts')
  writeFileSync(application, code)
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2023,
    lib: ['lib.es2023.d.ts'],
    module: ts.ModuleKind.NodeNext,
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    allowImportingTsExtensions: true,
    noEmit: true,
    skipLibCheck,
    paths: {
      fastify: [join(root, 'node_modules/fastify')],
      '@fastify/jwt': [join(root, 'node_modules/@fastify/jwt')],
      'fastify-authenticate': [join(root, 'plugin/index.ts')]
    }
  }
  const host = ts.createCompilerHost(options)
  const { getSourceFile } = host
  host.getSourceFile = (file, ...rest) => {
    if (file === application) return getSourceFile(file, ...rest)
    if (!parsed.has(file)) parsed.set(file, getSourceFile(file, ...rest))
    return parsed.get(file)
  }
  const program = ts.createProgram([application], options, host)
  const libraries = /\/(fastify\/types\/instance|@fastify\/jwt\/types\/index)\.d\.ts$/
  return program
    .getSourceFiles()
    .filter(({ fileName }) => fileName === application || (!skipLibCheck && libraries.test(fileName)))
    .flatMap((file) => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)])
    .map(({ code, file }) => `TS${code} ${libraries.exec(file?.fileName ?? '')?.[1] ?? 'here'}`)
}

/** An application with both plugins. */
const application = ({ hook = '', jwt = '', body }: { hook?: string; jwt?: string; body: string }) => `
  import jwt from '@fastify/jwt'
  import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
  import authenticate from 'fastify-authenticate'

  ${jwt && `declare module '@fastify/jwt' { interface FastifyJWT { ${jwt} } }`}
  ${hook && `declare module 'fastify' { interface FastifyInstance { ${hook} } }`}
  export type Hook = (request: FastifyRequest, reply: FastifyReply) => Promise<void>

  const app = Fastify()
  await app.register(jwt, { secret: 'x' })
  await app.register(authenticate, { issuer: 'https://api.example.com', secret: 'x' })
  ${body}
`
const usesHook = `
  app.get('/hook', { onRequest: [app.authenticate] }, async (request) => {
    return request.auth?.user.sub satisfies string | undefined
  })
  app.get('/bare', { onRequest: app.authenticate }, async () => 'ok')
`
const ownUser = 'payload: { id: number; role: string }; user: { id: number; role: string }'
const usesOwnUser = `
  app.jwt.sign({ id: 1, role: 'admin' })
  app.get('/own', async (request) => request.user.id satisfies number)
  app.get('/ours', { config: { auth: true } }, async ({ auth }) => auth.user.sub satisfies string)
  app.get('/explicit', async (request) => (await request.authenticate()).sub satisfies string)
`

t.test("an application's own type of app.authenticate compiles, whatever skipLibCheck is", async (t) => {
  const hooks = {
    none: '',
    'of the README of @fastify/jwt': 'authenticate: (request: FastifyRequest, reply: FastifyReply) => Promise<void>',
    'as a method': 'authenticate(request: FastifyRequest, reply: FastifyReply): Promise<void>',
    'without a reply': 'authenticate: (request: FastifyRequest) => Promise<void>',
    any: 'authenticate: any'
  }
  for (const [name, hook] of Object.entries(hooks)) {
    t.strictSame(errorsOf(application({ hook, body: usesHook }), { skipLibCheck: true }), [], name)
  }
  const hook = hooks['of the README of @fastify/jwt']
  t.notMatch(
    errorsOf(application({ hook, body: usesHook }), { skipLibCheck: false }),
    ['TS2430'],
    'skipLibCheck: false'
  )
})

t.test("an application's own FastifyJWT.user is the type of request.user with skipLibCheck", async (t) => {
  const both = application({ jwt: ownUser, body: usesOwnUser })
  t.strictSame(errorsOf(both, { skipLibCheck: true }), [])
  t.strictSame(errorsOf(both, { skipLibCheck: false }), ['TS2430 @fastify/jwt/types/index'], 'without it')
})

t.test('declarations of payload and of namespaces compile beside the plugin', async (t) => {
  const jwt = "payload: { id: number }; namespaces: 'old'"
  const body = "app.jwt.old.sign({ id: 1 }); app.get('/', async ({ user }) => user.sub satisfies string)"
  t.strictSame(errorsOf(application({ jwt, body })), [])
})

t.test('a second declaration of FastifyRequest.user does not compile, as with @fastify/jwt alone', async (t) => {
  const body = "declare module 'fastify' { interface FastifyRequest { user: { id: number } } }"
  t.strictSame(errorsOf(application({ body })), ['TS2717 here'])
})
