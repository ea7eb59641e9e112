import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import ts from 'typescript'

const root = fileURLToPath(new URL('..', import.meta.url))

interface Import {
  readonly from: string
  /** A path below the root for a file of ours, else the name of a package. */
  readonly to: string
  /** Gone at run time. */
  readonly typeOnly: boolean
}

/** The floors, the highest first. A file imports its own floor and those below. */
const floors = [
  'plugin/index.ts',
  'plugin/http/',
  'plugin/sessions/',
  'plugin/tokens/',
  'plugin/stores/',
  'plugin/settings.ts',
  'plugin/options.ts',
  'plugin/events.ts',
  'plugin/errors.ts',
  'plugin/timeout.ts'
]
const floorOf = (file: string) =>
  floors.findIndex((floor) => (floor.endsWith('/') ? file.startsWith(floor) : file === floor))
/** Rooms that do not know each other although one stands above the other. */
const strangers = [['plugin/tokens/', 'plugin/stores/']] as const
/** Of a store, the floors above know the contract only; `index.ts` picks the default one. */
const contract = 'plugin/stores/session-store.ts'
const doors = /^plugin\/(index|stores\/[\w-]+)\.ts$/

const rules: Record<string, (found: Import) => boolean> = {
  'imports go down only': ({ from, to }) =>
    !to.startsWith('plugin/') || !from.startsWith('plugin/') || (floorOf(to) >= floorOf(from) && floorOf(from) >= 0),
  'tokens and stores do not know each other': ({ from, to }) =>
    !strangers.some(
      ([one, other]) => (from.startsWith(one) && to.startsWith(other)) || (from.startsWith(other) && to.startsWith(one))
    ),
  'only stores and index.ts know a store, the others its contract': ({ from, to }) =>
    !to.startsWith('plugin/stores/') ||
    to === contract ||
    !from.startsWith('plugin/') ||
    from.startsWith('plugin/stores/') ||
    from === 'plugin/index.ts',
  'the plugin imports nothing from outside its folder': ({ from, to }) =>
    !from.startsWith('plugin/') || to.startsWith('plugin/') || !/^(test|example-server|bench|docs)\//.test(to),
  'the example server comes in by the doors': ({ from, to }) =>
    !/^(example-server\/|test\/example-server)/.test(from) || !to.startsWith('plugin/') || doors.test(to),
  'one file runs @fastify/jwt': ({ from, to, typeOnly }) =>
    to !== '@fastify/jwt' || typeOnly || from === 'plugin/tokens/signer.ts' || !from.startsWith('plugin/'),
  'one file runs @fastify/cookie': ({ from, to, typeOnly }) =>
    to !== '@fastify/cookie' || typeOnly || from === 'plugin/http/cookie-serializer.ts' || !from.startsWith('plugin/'),
  'only http knows cookies, requests and replies': ({ from, to, typeOnly }) =>
    !from.startsWith('plugin/') ||
    !/^(fastify|fastify-plugin|@fastify\/.*)$/.test(to) ||
    /^plugin\/(index\.ts|http\/)/.test(from) ||
    (from === 'plugin/tokens/signer.ts' && !typeOnly)
}

function violations(imports: readonly Import[], rule: (found: Import) => boolean): string[] {
  return imports.filter((found) => !rule(found)).map(({ from, to }) => `${from} imports ${to}`)
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
  } catch {
    return []
  }
}

const read = (file: string) => readFileSync(join(root, file), 'utf8')

/** Every `import`, `export … from` and `import()` in a text: what is in a comment or a string is none. */
function importsOf(file: string, text: string): Import[] {
  const found: Import[] = []
  const add = (specifier: string, typeOnly: boolean) => {
    const to = specifier.startsWith('.') ? join(dirname(file), specifier).replaceAll('\\', '/') : specifier
    found.push({ from: file, to, typeOnly })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      const { importClause: clause } = node
      const named =
        clause?.namedBindings && ts.isNamedImports(clause.namedBindings) ? clause.namedBindings.elements : null
      add(
        node.moduleSpecifier.text,
        clause?.isTypeOnly === true ||
          (clause?.name === undefined &&
            named !== null &&
            named.length > 0 &&
            named.every(({ isTypeOnly }) => isTypeOnly))
      )
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
      add(node.moduleSpecifier.text, node.isTypeOnly)
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [specifier] = node.arguments
      if (specifier && ts.isStringLiteralLike(specifier)) add(specifier.text, false)
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest))
  return found
}

const plugin = filesIn('plugin')
const sources = [...plugin, ...filesIn('example-server'), ...filesIn('test')]
const imports = sources.flatMap((file) => importsOf(file, read(file)))

for (const [name, rule] of Object.entries(rules)) t.test(name, async (t) => t.strictSame(violations(imports, rule), []))

t.test('the rules find what breaks them', async (t) => {
  const broken: [keyof typeof rules, string, string][] = [
    ['imports go down only', 'plugin/errors.ts', 'import { optionError } from "./options.ts"'],
    ['imports go down only', 'plugin/tokens/x.ts', 'import type { Sessions } from "../sessions/sessions.ts"'],
    ['imports go down only', 'plugin/sessions/x.ts', 'const { x } = await import("../http/cookies.ts")'],
    ['imports go down only', 'plugin/http/x.ts', 'export * from "../index.ts"'],
    ['imports go down only', 'plugin/nowhere/x.ts', 'import "../errors.ts"'],
    ['imports go down only', 'plugin/errors.ts', 'import "./nowhere/x.ts"'],
    [
      'tokens and stores do not know each other',
      'plugin/tokens/x.ts',
      'import type { SessionRow } from "../stores/store.ts"'
    ],
    ['tokens and stores do not know each other', 'plugin/stores/x.ts', 'import { derive } from "../tokens/secret.ts"'],
    [
      'only stores and index.ts know a store, the others its contract',
      'plugin/sessions/x.ts',
      'import { memoryStore } from "../stores/memory.ts"'
    ],
    [
      'the plugin imports nothing from outside its folder',
      'plugin/http/x.ts',
      'import { config } from "../../example-server/config.ts"'
    ],
    [
      'the example server comes in by the doors',
      'example-server/app.ts',
      'import { refusal } from "../plugin/errors.ts"'
    ],
    [
      'the example server comes in by the doors',
      'test/example-server.test.ts',
      'import { decide } from "../plugin/sessions/rotation.ts"'
    ],
    ['one file runs @fastify/jwt', 'plugin/http/x.ts', 'import jwt from "@fastify/jwt"'],
    ['one file runs @fastify/jwt', 'plugin/http/x.ts', 'import "@fastify/jwt"'],
    ['one file runs @fastify/jwt', 'plugin/http/x.ts', 'import { type A, b } from "@fastify/jwt"'],
    ['one file runs @fastify/jwt', 'plugin/http/x.ts', 'await import("@fastify/jwt")'],
    ['one file runs @fastify/cookie', 'plugin/tokens/signer.ts', 'import cookie from "@fastify/cookie"'],
    [
      'only http knows cookies, requests and replies',
      'plugin/sessions/x.ts',
      'import type { FastifyRequest } from "fastify"'
    ]
  ]
  for (const [name, file, text] of broken) {
    t.equal(violations(importsOf(file, text), rules[name]!).length, 1, `${name}: ${file} with ${text}`)
  }
  const fine: [string, string][] = [
    ['plugin/index.ts', 'import { memoryStore } from "./stores/memory.ts"; export * from "./http/user.ts"'],
    [
      'plugin/http/x.ts',
      'import type {} from "@fastify/jwt"; import { type A } from "@fastify/cookie"; import { TimedStore } from "../sessions/timed-store.ts"'
    ],
    ['plugin/stores/sqlite.ts', 'import { isLive } from "./store.ts"; import { sql } from "./sqlite/sql.ts"'],
    ['plugin/errors.ts', '// import x from "./index.ts"\nconst text = \'import "./index.ts"\''],
    [
      'example-server/app.ts',
      'import authenticate from "../plugin/index.ts"; import { sqliteStore } from "../plugin/stores/sqlite.ts"'
    ],
    [
      'test/cookies.test.ts',
      'import cookie from "@fastify/cookie"; import { decide } from "../plugin/sessions/rotation.ts"'
    ]
  ]
  for (const [file, text] of fine) {
    const found = importsOf(file, text)
    for (const [name, rule] of Object.entries(rules)) t.strictSame(violations(found, rule), [], `${name}: ${file}`)
  }
  t.ok(imports.length > 150 && plugin.length > 30, 'and there was something to look at')
})

t.test('no file is a drawer', async (t) => {
  const drawer = /(^|[/-])(utils?|helpers?|common|core|types|misc|shared)(\.ts$|\/|\.test\.ts$)/
  const isDrawer = (file: string) => drawer.test(file) && !file.startsWith('test/types')
  t.strictSame(sources.filter(isDrawer), [])
  t.strictSame(
    ['plugin/utils.ts', 'plugin/http/helpers/x.ts', 'plugin/token-utils.ts', 'plugin/core.ts'].filter(
      (file) => !isDrawer(file)
    ),
    []
  )
  t.notOk(isDrawer('plugin/http/score.ts'))
})

t.test('no file of the plugin is longer than 250 lines', async (t) => {
  t.strictSame(
    plugin.map((file) => [file, read(file).split('\n').length] as const).filter(([, lines]) => lines > 250),
    []
  )
})

/** The files of the plugin whose code, not its comments, has a string or an identifier like this. */
function filesWith(pattern: RegExp): string[] {
  return plugin.filter((file) => {
    let found = false
    const visit = (node: ts.Node): void => {
      if (
        (ts.isStringLiteralLike(node) && pattern.test(node.text)) ||
        (ts.isPropertyAccessExpression(node) && pattern.test(node.getText()))
      ) {
        found = true
      }
      ts.forEachChild(node, visit)
    }
    visit(ts.createSourceFile(file, read(file), ts.ScriptTarget.Latest, true))
    return found
  })
}

t.test(
  'one file writes WWW-Authenticate, one Set-Cookie; the environment is read where the plugin starts',
  async (t) => {
    t.strictSame(filesWith(/^www-authenticate$/i), ['plugin/http/challenge.ts'])
    t.strictSame(filesWith(/^set-cookie$/i), ['plugin/http/response-state.ts'])
    t.strictSame(filesWith(/^process\.env$/), ['plugin/index.ts', 'plugin/settings.ts'])
  }
)
