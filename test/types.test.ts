import { execFile } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import ts from 'typescript'
import { compile, snippetOptions } from './fixtures/compile.ts'
import { placeInPage, snippetPrograms } from './fixtures/compiled-snippets.ts'
import { namedBlock } from './fixtures/named-block.ts'
import { providerFunctions, providerRows } from './fixtures/providers.ts'
import { importsOf } from './fixtures/sources.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
t.setTimeout(600_000)

/** Runs the compiler; resolves to its errors. */
function tsc(cwd: string, ...args: string[]): Promise<string[]> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(root, 'node_modules/typescript/bin/tsc'), '--pretty', 'false', ...args],
      { cwd, env: { PATH: process.env.PATH } },
      (_error, stdout, stderr) => {
        resolve(`${stdout}${stderr}`.split('\n').filter((line) => /error TS/.test(line)))
      }
    )
  })
}

/** The files of a program, as paths from the root: those that its `tsconfig.json` names, and what they import. */
function filesOf(project: string): Set<string> {
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => {} }
  const { fileNames } = ts.getParsedCommandLineOfConfigFile(join(root, project), {}, host)!
  const files = fileNames.map((file) => relative(root, file).replaceAll('\\', '/'))
  for (const file of files) {
    const imported = importsOf(file).map(({ to }) => to)
    files.push(...imported.filter((to) => !files.includes(to) && /\.ts$/.test(to) && existsSync(join(root, to))))
  }
  return new Set(files)
}

t.test('the example server declares claims for its own program only, see CONTRIBUTING.md', async (t) => {
  const declaration = 'example-server/routes/schemas.ts'
  t.match(readFileSync(join(root, declaration), 'utf8'), /interface AuthTypes/)
  t.notOk(filesOf('tsconfig.json').has(declaration))
  t.ok(filesOf('example-server/tsconfig.json').has(declaration))
})

/** The examples in the doc comments of the plugin, in one program. */
function exampleProgram(): string {
  const files = readdirSync(join(root, 'plugin'), { recursive: true, encoding: 'utf8' })
  const sources = files
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join(root, 'plugin', file), 'utf8'))
  const examples = sources
    .flatMap((source) => [...source.matchAll(/^ *\* ```ts\n(.*?)^ *\* ```$/gms)].map(([, body]) => body!))
    .map((body) => body.replace(/^ *\* ?/gm, ''))
    // Declares claims for the whole program: claims.ts does the same.
    .filter((body) => !body.includes('declare module'))
  const lines = examples.flatMap((body) => body.split('\n'))
  const isImport = (line: string) => line.startsWith('import ')
  const blocks = examples.map((body, index) => {
    const code = body
      .split('\n')
      .filter((line) => !isImport(line))
      .join('\n')
    // Some show a member of the options.
    return /^\w+: /.test(code)
      ? `export const example${index}: AuthenticateOptions['refreshToken'] = {\n${code}}\n`
      : `export async function example${index}() {\n${code}}\n`
  })
  return [...new Set([...exampleImports, ...lines.filter(isImport)]), exampleContext, ...blocks].join('\n')
}

const exampleImports = [
  "import Fastify, { type FastifyInstance } from 'fastify'",
  "import authenticate, { AuthError, type AuthenticateOptions, type SessionStore } from 'fastify-authenticate'",
  "import { memoryStore } from 'fastify-authenticate/stores/memory'"
]
/** What an application around the examples has. */
const exampleContext = `
  declare const app: FastifyInstance
  declare const swagger: import('fastify').FastifyPluginCallback<{ openapi: object }>
  declare const issuer: string
  declare const secret: string
  declare const token: string
  declare const transport: { handleRequest (request: object, response: object, body?: unknown): Promise<void> }
  declare const tenants: { find (tenant: { issuer: string }): Promise<object | null> }
  declare const users: {
    verify (username: string, password: string): Promise<{ id: string } | null>
    find (sub: string): Promise<{ roles: string[] } | null>
  }
  declare function createDatabase (): Promise<object>
  declare function myStore (database: object): SessionStore
`
/** `@types/node` of the oldest supported version does not have it. */
const sqliteTypes = "declare module 'node:sqlite' { export const DatabaseSync: new (file: string) => never }"

/** The table of providers in docs/trusted-issuers.md. */
function providers(): string {
  const rows = providerRows().map(({ option }) => `  ${option}`)
  return `
import type { AuthenticateOptions } from 'fastify-authenticate'

type TrustedIssuer = Extract<AuthenticateOptions['trustedIssuers'], readonly unknown[]>[number]

${providerFunctions()}
export const rows: TrustedIssuer[] = [
${rows.join(',\n')}
]
`
}

t.test('the published package contains all types; examples in doc comments and docs compile', async (t) => {
  const docs = { 'app.ts': namedBlock('README.md', 'application'), 'providers.ts': providers() }
  const application = readFileSync(join(root, 'test/types/application.ts'), 'utf8')
  const compilerOptions = {
    target: 'es2023',
    lib: ['es2023'],
    module: 'nodenext',
    types: ['node'],
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true
  }
  const folder = t.testdir({
    'package.json': JSON.stringify({ type: 'module' }),
    // Claims are declared for a whole program: the application without any is a program of its own.
    'tsconfig.json': JSON.stringify({
      compilerOptions: { ...compilerOptions, skipLibCheck: false },
      files: ['claims.ts', 'claims-of-tests.ts', 'wrong.ts']
    }),
    'tsconfig.application.json': JSON.stringify({
      compilerOptions: { ...compilerOptions, skipLibCheck: true },
      files: ['application.ts', 'examples.ts', 'sqlite.d.ts', ...Object.keys(docs)]
    }),
    ...docs,
    'examples.ts': exampleProgram(),
    'sqlite.d.ts': sqliteTypes,
    'application.ts': application.replace('../../plugin/index.ts', 'fastify-authenticate'),
    'claims.ts': `
      import fastify from 'fastify'
      import authenticate from 'fastify-authenticate'

      interface Claims { roles: ('user' | 'admin')[], plan?: string }
      declare const alice: Claims
      declare module 'fastify-authenticate' {
        interface AuthTypes { claims: Claims }
      }

      fastify().get('/', { config: { auth: true } }, async (request) => {
        const { user, auth } = request
        user.roles satisfies readonly ('user' | 'admin')[]
        user.sub satisfies string
        auth.claims.plan satisfies string | undefined
        // @ts-expect-error -- no such claim
        user.tenant
        // @ts-expect-error -- no such role
        user.roles.includes('root')
        auth.user.roles satisfies readonly ('user' | 'admin')[]
        const { roles } = await request.authenticate()
        return roles satisfies readonly ('user' | 'admin')[]
      })

      fastify().register(authenticate, {
        issuer: 'x', secret: 'y', refreshToken: { claims: async () => ({ claims: alice, scope: 'notes:read' }) }
      })
      fastify().register(authenticate, { issuer: 'x', secret: 'y', refreshToken: { claims: async () => null } })
      fastify().register(authenticate, {
        issuer: 'x', secret: 'y',
        // @ts-expect-error -- every user has roles
        refreshToken: { claims: async () => ({ claims: { plan: 'free' } }) }
      })

      fastify().get('/links', async () => {
        const { accessTokens } = fastify()
        const link = { sub: 'alice', audience: 'password-reset' }
        const token = await accessTokens.sign(link)
        await accessTokens.sign({ ...link, claims: { plan: 'free' }, lifetimeSeconds: 900 })
        // @ts-expect-error -- no such role
        await accessTokens.sign({ ...link, claims: { roles: ['root'] } })
        const { sub, roles } = await accessTokens.verify(token, { audience: 'password-reset' })
        sub satisfies string
        roles satisfies readonly string[] | undefined
        // @ts-expect-error -- a token for another purpose may lack them
        roles.length
        const user = await accessTokens.verify(token, { scopes: ['notes:read'] })
        user.roles satisfies readonly ('user' | 'admin')[]
        return (await accessTokens.verify(token)).roles satisfies readonly ('user' | 'admin')[]
      })

      fastify().post('/login', async (_request, reply) => {
        const alice = { sub: 'alice', transport: 'bearer' } as const
        await reply.signIn({ ...alice, claims: { roles: ['admin'] } })
        await reply.signIn({ ...alice, claims: { roles: [], plan: 'free' }, scope: 'notes:read' })
        // @ts-expect-error -- every user has roles
        await reply.signIn(alice)
        // @ts-expect-error -- every user has roles
        await reply.signIn({ ...alice, claims: { plan: 'free' } })
        // @ts-expect-error -- no such role
        await reply.signIn({ ...alice, claims: { roles: ['root'] } })
        // @ts-expect-error -- no such claim
        await reply.signIn({ ...alice, claims: { roles: [], tenant: 'x' } })
        await fastify().accessTokens.sign({ sub: 'robot', claims: { roles: ['user'] } })
        // @ts-expect-error -- every user has roles
        await fastify().accessTokens.sign({ sub: 'robot' })
        // @ts-expect-error -- no such role
        return await fastify().accessTokens.sign({ sub: 'robot', claims: { roles: ['root'] } })
      })
    `,
    'claims-of-tests.ts': `
      import fastify from 'fastify'
      import authenticate from 'fastify-authenticate'
      import { createTestAuth, type SpoiltKind } from 'fastify-authenticate/testing'

      const auth = createTestAuth()
      await fastify().register(authenticate, { issuer: 'https://api.example.com', ...auth.options })
      await auth.as('alice', { roles: ['admin'] })
      await auth.as('alice', { roles: ['admin'], claims: { plan: 'free' }, scope: 'notes:read', transport: 'cookie' })
      await auth.as('alice', { claims: { roles: ['admin'] }, crossSite: true, app: fastify({ logger: true }) })
      const { headers, refreshToken } = await auth.signIn('alice', { claims: { roles: [], plan: 'free' } })
      await fastify().inject({ url: '/', headers })
      await fetch('https://api.example.com', { headers })
      refreshToken satisfies string
      await auth.storageState('alice', { url: 'http://localhost:3000', roles: [] })
      await auth.spoiltToken('expired' satisfies SpoiltKind)
      await auth.spoiltToken('revoked', { sub: 'bob', claims: { roles: [] } })
      auth.issuer('https://login.example.com').trust({ audience: 'api', map: () => ({ scope: 'notes:read' }) })
      auth.events.filter(({ type }) => type === 'token-refused')
      // @ts-expect-error -- every user has roles
      await auth.as('alice')
      // @ts-expect-error -- every user has roles
      await auth.as('alice', { claims: { plan: 'free' } })
      // @ts-expect-error -- no such role
      await auth.as('alice', { roles: ['root'] })
      // @ts-expect-error -- no such role
      await auth.as('alice', { claims: { roles: ['root'] } })
      // @ts-expect-error -- no such claim
      await auth.as('alice', { roles: [], claims: { tenant: 'x' } })
      // @ts-expect-error -- no such claim
      await auth.signIn('alice', { claims: { roles: [], tenant: 'x' } })
      // @ts-expect-error -- given twice
      await auth.as('alice', { roles: [], claims: { roles: [] } })
      // @ts-expect-error -- no such member
      await auth.as('alice', { roles: [], scopes: ['notes:read'] })
      // @ts-expect-error -- every user has roles
      await auth.storageState('alice', { url: 'http://localhost:3000' })
      // @ts-expect-error -- no such kind
      await auth.spoiltToken('old')
      // @ts-expect-error -- no such event
      auth.events.filter(({ type }) => type === 'signed-in')
    `,
    // Each line is an error that the compiler must find, which proves that the types are there.
    'wrong.ts': `
      import fastify from 'fastify'
      const app = fastify()
      app.get('/', { config: { auth: { scope: 'x' } } }, async ({ user }) => user.tenant)
      app.get('/', async ({ auth }) => auth.sessionId)
      app.sessions.start()
      app.post('/', async (_request, reply) => reply.signIn({ sub: 'alice' }))
      app.post('/', async (_request, reply) => reply.signOut(1))
      app.post('/', async (_request, reply) => (await reply.refresh()).tokens)
      app.accessTokens.revoke('jti', 'exp')
    `,
    node_modules: { 'fastify-authenticate': {} }
  })
  const installed = join(folder, 'node_modules/fastify-authenticate')
  cpSync(join(root, 'package.json'), join(installed, 'package.json'))
  t.strictSame(await tsc(root, '-p', 'plugin', '--outDir', join(installed, 'dist')), [], 'the package builds')
  t.strictSame(await tsc(root, '-p', 'client', '--outDir', join(installed, 'dist/client')), [], 'and the client')
  t.notMatch(application, /fastify-authenticate'/, 'the sources are not what is tested here')

  const compiling = Promise.all([tsc(folder, '-p', 'tsconfig.application.json'), tsc(folder)])
  const programs = snippetPrograms('project')
  t.ok(Object.keys(programs[0]!.files).length > 40)
  t.strictSame(
    programs
      .flatMap((program) => compile(folder, program.files, snippetOptions(program)))
      .map(({ file, line, message }) => `${placeInPage(file, line)}: ${message}`),
    [],
    'the blocks of the pages'
  )
  const errors = (await compiling).flat()
  const ours = errors.filter((line) =>
    /^(application|claims|claims-of-tests|examples|wrong)\.ts|fastify-authenticate/.test(line)
  )
  t.strictSame(
    ours.map((line) => line.replace(/^(\w+\.ts)\((\d+),\d+\): error (TS\d+):.*$/, '$1 $2 $3')),
    [
      'wrong.ts 4 TS2322',
      'wrong.ts 4 TS2339',
      'wrong.ts 5 TS18047',
      'wrong.ts 6 TS2339',
      'wrong.ts 7 TS2345',
      'wrong.ts 8 TS2345',
      'wrong.ts 9 TS2339',
      'wrong.ts 10 TS2345'
    ]
  )
  t.strictSame(
    errors.filter((line) => !ours.includes(line)),
    [],
    'the declarations compile without skipLibCheck'
  )
})
