import { existsSync } from 'node:fs'
import t from 'tap'
import ts from 'typescript'
import { circlesIn, filesIn, hasCode, importsOf, nodesOf, parse, read, type Import } from './fixtures/sources.ts'
import { withoutOwnTest } from './without-own-test.ts'

/** The floors, the highest first. A file imports its own floor and those below. */
const floors = [
  'plugin/testing.ts',
  'plugin/testing/',
  'plugin/mcp.ts',
  'plugin/index.ts',
  'plugin/http/',
  'plugin/sessions/',
  'plugin/tokens/',
  'plugin/stores/',
  'plugin/options/',
  'plugin/arguments.ts',
  'plugin/events.ts',
  'plugin/errors.ts',
  'plugin/slices.ts',
  'plugin/timeout.ts'
]
const floorOf = (file: string) =>
  floors.findIndex((floor) => (floor.endsWith('/') ? file.startsWith(floor) : file === floor))
/** Folders that do not import each other, although one is above the other. */
const strangers = [['plugin/tokens/', 'plugin/stores/']] as const
/** Of a store, the floors above know the contract only; `index.ts` picks the default one. */
const contract = 'plugin/stores/session-store.ts'
const doors = /^(plugin\/(index|mcp|testing|stores\/[\w-]+)\.ts|client\/index\.js)$/

const rules: Record<string, (found: Import) => boolean> = {
  'imports go down only': ({ from, to }) =>
    !to.startsWith('plugin/') || !from.startsWith('plugin/') || (floorOf(to) >= floorOf(from) && floorOf(from) >= 0),
  'tokens/ and stores/ do not import each other': ({ from, to }) =>
    !strangers.some(
      ([one, other]) => (from.startsWith(one) && to.startsWith(other)) || (from.startsWith(other) && to.startsWith(one))
    ),
  'only stores/, index.ts and the testing kit import a store, other files its contract': ({ from, to }) =>
    !to.startsWith('plugin/stores/') ||
    to === contract ||
    !from.startsWith('plugin/') ||
    from.startsWith('plugin/stores/') ||
    from === 'plugin/index.ts' ||
    from.startsWith('plugin/testing'),
  'the plugin imports nothing from outside its folder': ({ from, to }) =>
    !from.startsWith('plugin/') || to.startsWith('plugin/') || !/^(test|example-server|bench|docs)\//.test(to),
  'the client imports only itself, and the plugin does not import it': ({ from, to }) =>
    from.startsWith('client/') ? to.startsWith('client/') : !from.startsWith('plugin/') || !to.startsWith('client/'),
  'the example server imports only public entries': ({ from, to }) =>
    !/^(example-server\/|test\/example-server)/.test(from) || !/^(plugin|client)\//.test(to) || doors.test(to),
  'one file imports @fastify/jwt': ({ from, to, typeOnly }) =>
    to !== '@fastify/jwt' || typeOnly || from === 'plugin/tokens/signer.ts' || !from.startsWith('plugin/'),
  'one file imports @fastify/cookie': ({ from, to, typeOnly }) =>
    to !== '@fastify/cookie' || typeOnly || from === 'plugin/http/cookie-serializer.ts' || !from.startsWith('plugin/'),
  'only http knows cookies, requests and replies': ({ from, to, typeOnly }) =>
    !from.startsWith('plugin/') ||
    !/^(fastify|fastify-plugin|@fastify\/.*)$/.test(to) ||
    /^plugin\/(index\.ts|mcp\.ts|http\/)/.test(from) ||
    (from === 'plugin/tokens/signer.ts' && !typeOnly) ||
    // The type of an application's function.
    (from === 'plugin/options/trusted-origins.ts' && typeOnly)
}

function violations(imports: readonly Import[], rule: (found: Import) => boolean): string[] {
  return imports.filter((found) => !rule(found)).map(({ from, to }) => `${from} imports ${to}`)
}

const plugin = filesIn('plugin')
const client = filesIn('client', /\.(ts|js)$/)
const exampleServer = filesIn('example-server', /\.(ts|js)$/)
const eject = filesIn('eject').filter((file) => !file.startsWith('eject/template/'))
const tests = filesIn('test')
const sources = [...plugin, ...client, ...exampleServer, ...eject, ...tests]
const imports = sources.flatMap((file) => importsOf(file))

for (const [name, rule] of Object.entries(rules)) t.test(name, async (t) => t.strictSame(violations(imports, rule), []))

t.test('the rules about imports detect violations', async (t) => {
  const broken: [keyof typeof rules, string, string][] = [
    ['imports go down only', 'plugin/errors.ts', 'import { optionError } from "./options/option-error.ts"'],
    ['imports go down only', 'plugin/tokens/x.ts', 'import type { Sessions } from "../sessions/sessions.ts"'],
    ['imports go down only', 'plugin/sessions/x.ts', 'const { x } = await import("../http/cookies.ts")'],
    ['imports go down only', 'plugin/http/x.ts', 'export * from "../index.ts"'],
    ['imports go down only', 'plugin/nowhere/x.ts', 'import "../errors.ts"'],
    ['imports go down only', 'plugin/errors.ts', 'import "./nowhere/x.ts"'],
    [
      'tokens/ and stores/ do not import each other',
      'plugin/tokens/x.ts',
      'import type { SessionRow } from "../stores/store.ts"'
    ],
    [
      'tokens/ and stores/ do not import each other',
      'plugin/stores/x.ts',
      'import { derive } from "../tokens/secret.ts"'
    ],
    [
      'only stores/, index.ts and the testing kit import a store, other files its contract',
      'plugin/sessions/x.ts',
      'import { memoryStore } from "../stores/memory.ts"'
    ],
    [
      'the plugin imports nothing from outside its folder',
      'plugin/http/x.ts',
      'import { config } from "../../example-server/config.ts"'
    ],
    [
      'the example server imports only public entries',
      'example-server/app.ts',
      'import { refusal } from "../plugin/errors.ts"'
    ],
    [
      'the example server imports only public entries',
      'test/example-server.test.ts',
      'import { decide } from "../plugin/sessions/rotation.ts"'
    ],
    ...(
      [
        ['client/index.js', 'import { refusals } from "../plugin/errors.ts"'],
        ['client/index.js', 'import { decodeJwt } from "jose"'],
        ['plugin/http/x.ts', 'import { createAuth } from "../../client/index.js"']
      ] as const
    ).map(([file, text]): [keyof typeof rules, string, string] => [
      'the client imports only itself, and the plugin does not import it',
      file,
      text
    ]),
    ['one file imports @fastify/jwt', 'plugin/http/x.ts', 'import jwt from "@fastify/jwt"'],
    ['one file imports @fastify/jwt', 'plugin/http/x.ts', 'import "@fastify/jwt"'],
    ['one file imports @fastify/jwt', 'plugin/http/x.ts', 'import { type A, b } from "@fastify/jwt"'],
    ['one file imports @fastify/jwt', 'plugin/http/x.ts', 'await import("@fastify/jwt")'],
    ['one file imports @fastify/cookie', 'plugin/tokens/signer.ts', 'import cookie from "@fastify/cookie"'],
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
    ['plugin/index.ts', 'import { memoryStore } from "./stores/memory.ts"; export * from "./tokens/user.ts"'],
    [
      'plugin/http/x.ts',
      'import type {} from "@fastify/jwt"; import { type A } from "@fastify/cookie"; import "../sessions/x.ts"'
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

t.test('there are no circular imports', async (t) => {
  t.strictSame(
    circlesIn([
      ...importsOf('a.ts', 'import "./b.ts"; import "./d.ts"'),
      ...importsOf('b.ts', 'import type { A } from "./c.ts"'),
      ...importsOf('c.ts', 'import { type B } from "./b.ts"'),
      ...importsOf('d.ts', 'import "./e.ts"')
    ]),
    ['b.ts -> c.ts -> b.ts', 'c.ts -> b.ts -> c.ts']
  )
  t.strictSame(circlesIn(imports.filter(({ from }) => !from.startsWith('test/'))), [])
})

t.test('no file or folder has a catch-all name such as utils or helpers', async (t) => {
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

t.test('no file of the plugin or the client is longer than 250 lines', async (t) => {
  const tooLong = [...plugin, ...client].filter((file) => read(file).split('\n').length > 251)
  t.strictSame(tooLong, [])
})

const lineLimit = 120
/** A published test vector, a hash or a key cannot be broken. */
const unbreakable = /\S{100}/

t.test('no line is longer than 120 columns, except for a value that cannot be broken', async (t) => {
  const files = [
    ...sources,
    ...filesIn('bench', /\.(ts|js)$/),
    ...filesIn('example-server', /\.(css|ya?ml)$/),
    ...filesIn('.github', /\.yml$/),
    'eslint.config.js'
  ]
  const tooLong = files.flatMap((file) =>
    read(file)
      .split('\n')
      .flatMap((line, index) => (line.length > lineLimit && !unbreakable.test(line) ? [`${file}:${index + 1}`] : []))
  )
  t.strictSame(tooLong, [])
})

/** Functions that need a third parameter, with the reason. */
const manyParameters: Record<string, string> = {
  'plugin/sessions/access-token-api.ts revoke': 'public: revoke(jti, exp, { issuer })',
  'plugin/errors.ts constructor': 'an error: its message and options come last, as those of Error',
  'plugin/errors.ts refusal': 'the same as the constructor of AuthError'
}

/**
 * A function with a parameter that has no type of its own is a callback, and the library that calls it decides on its
 * parameters: `(request, reply, error) => …` for Fastify.
 */
function hasManyParameters(node: ts.Node): node is ts.FunctionLikeDeclaration {
  if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return false
  const parameters = node.parameters.filter(({ name }) => name.getText() !== 'this')
  return parameters.length > 2 && parameters.every(({ type, initializer }) => type ?? initializer)
}

t.test('the rule about parameters detects violations', async (t) => {
  const breaks = (text: string) => nodesOf(parse('x.ts', text)).some(hasManyParameters)
  t.ok(breaks('function f(a: A, b = 1, c?: C) {}'))
  t.ok(breaks('class A { constructor(a: A, b: B, c: C) {} }'))
  t.ok(breaks('const g = (a: A, b: B, c: C) => a'))
  t.notOk(breaks('function f(this: T, a: A, b: B) {}'))
  t.notOk(breaks('app.get("/", (request, reply, done) => {})'))
  t.notOk(breaks('interface I { f(a: A, b: B, c: C): D }'))
})

t.test('no function of ours has more than two positional parameters', async (t) => {
  const found = [...plugin, ...client, ...exampleServer.filter((file) => file.endsWith('.ts')), ...eject].flatMap(
    (file) =>
      nodesOf(parse(file))
        .filter(hasManyParameters)
        .map((node) => `${file} ${ts.isConstructorDeclaration(node) ? 'constructor' : (node.name?.getText() ?? '')}`)
  )
  t.strictSame(
    found.filter((name) => !(name in manyParameters)),
    []
  )
  t.strictSame(
    Object.keys(manyParameters).filter((name) => !found.includes(name)),
    [],
    'every exception is needed'
  )
})

/** `plugin/tokens/jws.ts` is tested by `test/tokens/jws.test.ts`, or by the files of `test/tokens/jws/`. */
function hasOwnTest(file: string): boolean {
  const mirror = file.replace(/^plugin\//, '').replace(/\.\w+$/, '')
  return existsSync(`test/${mirror}.test.ts`) || tests.some((test) => test.startsWith(`test/${mirror}/`))
}

t.test('each source file has a test of its name, or a reason', async (t) => {
  const untested = [...plugin, ...client, ...exampleServer, ...eject].filter(
    (file) => hasCode(file) && !hasOwnTest(file)
  )
  const entries = Object.keys(withoutOwnTest)
  const covers = (entry: string, file: string) => (entry.endsWith('/') ? file.startsWith(entry) : file === entry)
  t.strictSame(
    untested.filter((file) => !entries.some((entry) => covers(entry, file))),
    [],
    'the test of its name exists, or test/without-own-test.ts gives a reason'
  )
  t.strictSame(
    entries.filter((entry) => !untested.some((file) => covers(entry, file))),
    [],
    'every entry of test/without-own-test.ts is needed'
  )
})

/** The files of the plugin whose code, not its comments, has a string or a property access like this. */
function filesWith(pattern: RegExp): string[] {
  return plugin.filter((file) =>
    nodesOf(parse(file)).some(
      (node) =>
        (ts.isStringLiteralLike(node) && pattern.test(node.text)) ||
        (ts.isPropertyAccessExpression(node) && pattern.test(node.getText()))
    )
  )
}

t.test(
  'one file writes WWW-Authenticate, one Set-Cookie; the environment is read where the plugin starts',
  async (t) => {
    t.strictSame(filesWith(/^www-authenticate$/i), ['plugin/http/challenge.ts'])
    t.strictSame(filesWith(/^set-cookie$/i), ['plugin/http/response-state.ts'])
    t.strictSame(filesWith(/^process\.env$/), [
      'plugin/http/test-kit.ts',
      'plugin/options/cookies.ts',
      'plugin/stores/store-option.ts'
    ])
  }
)
