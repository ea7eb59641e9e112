// Every TypeScript block of README.md and docs/ compiles, in one run of `tsc`. Not compiled: blocks inside lists, which
// need NestJS or tRPC, and blocks that augment `AuthTypes`, which would change the types of all other blocks
// (`test/types.test.ts` compiles such a block).
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

t.setTimeout(120_000)

const root = fileURLToPath(new URL('../..', import.meta.url))
const pages = ['README.md', ...readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))].map((name) =>
  name === 'README.md' ? name : `docs/${name}`
)

/** What the blocks use without declaring it. A block that declares a name of its own shadows it. */
const globals = `
import type { FastifyInstance, RouteHandlerMethod } from 'fastify'
import type plugin from 'fastify-authenticate'
import type { SessionStore } from 'fastify-authenticate'
import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import type { FastifyPluginCallback } from 'fastify'

declare global {
  const app: FastifyInstance
  const authenticate: typeof plugin
  const swagger: FastifyPluginCallback<FastifyDynamicSwaggerOptions>
  const handler: RouteHandlerMethod
  const issuer: string
  const secret: string
  const privatePem: string
  const token: string
  const jti: string
  const exp: number
  const readFileSync: typeof import('node:fs').readFileSync
  function readKeysFromVault(): Promise<{ key: string }[]>
  function checkPassword(body: unknown): Promise<{ id: string; roles: string[] }>
  function findUser(sub: string): Promise<{ roles: string[] } | undefined>
  function refreshTokenOf(body: unknown): string
  function createDatabase(): Promise<object>
  function myStore(database: object): SessionStore
}
`

interface Block {
  /** The page and the line of the fence. */
  readonly origin: string
  readonly code: string
}

function blocksOf(page: string): Block[] {
  const text = readFileSync(join(root, page), 'utf8')
  return [...text.matchAll(/^```ts\n([^]*?)^```$/gm)].map(({ index, 1: code }) => ({
    origin: `${page}:${text.slice(0, index).split('\n').length}`,
    code: code!
  }))
}

const compilerOptions = {
  target: 'es2023',
  lib: ['es2023'],
  module: 'nodenext',
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  skipLibCheck: true,
  allowImportingTsExtensions: true,
  paths: {
    'fastify-authenticate': [join(root, 'plugin/index.ts')],
    'fastify-authenticate/stores/*': [join(root, 'plugin/stores/*.ts')]
  }
}

t.test('every TypeScript block of README.md and docs/ compiles', async (t) => {
  const blocks = pages.flatMap(blocksOf).filter(({ code }) => !code.includes('interface AuthTypes'))
  t.ok(blocks.length > 15)
  const files = Object.fromEntries(blocks.map(({ code }, index) => [`block-${index}.ts`, `${code}\nexport {}\n`]))
  const folder = t.testdir({
    ...files,
    'globals.d.ts': globals,
    // The types of Node 20 do not have this module.
    'sqlite.d.ts': "declare module 'node:sqlite' { export { DatabaseSync } from '@photostructure/sqlite' }",
    'package.json': JSON.stringify({ type: 'module' }),
    'tsconfig.json': JSON.stringify({ compilerOptions, include: ['*.ts'] })
  })
  const output = await new Promise<string>((resolve) => {
    const compiler = join(root, 'node_modules/typescript/bin/tsc')
    execFile(process.execPath, [compiler, '--pretty', 'false', '-p', folder], { cwd: folder }, (_error, stdout) =>
      resolve(stdout)
    )
  })
  const originOf = (index: string) => blocks[Number(index)]!.origin
  const problems = output.trim().replace(/^block-(\d+)\.ts\((\d+),\d+\)/gm, (_all, index, line) => {
    return `${originOf(index)} + ${line}`
  })
  t.equal(problems, '')
})
