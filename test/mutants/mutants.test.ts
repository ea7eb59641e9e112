import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { concerns, isInScope, testFile, testsOf } from './concerns.ts'
import { equivalents } from './equivalents.ts'
import { apply, mutationsOf } from './mutations.ts'
import { createSandbox, hasFailure } from './sandbox.ts'
import { scoreOf, type Fate } from './score.ts'

const repository = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')

/** The results of all mutations of a one-line text, by operator. */
function mutants(text: string): [string, string][] {
  return mutationsOf('x.ts', text).map(({ operator, mutated }) => [operator, mutated])
}

/** The results of one operator. */
function mutantsBy(operator: string, text: string): string[] {
  return mutants(text)
    .filter(([name]) => name === operator)
    .map(([, mutated]) => mutated)
}

t.test('mutationsOf() makes the mistakes that each operator names, and no other', async (t) => {
  const rows: [string, string, string[]][] = [
    ['condition negated', 'if (a) b()', ['if (!(a)) b()']],
    ['condition negated', 'const x = a ? b : c', ['const x = !(a) ? b : c']],
    ['condition negated', 'if (!a) b(); if (a === c) b()', []],
    ['condition fixed', 'if (a) b()', ['if (false) b()']],
    ['condition fixed', 'if (a) b(); else c()', ['if (true) b(); else c()', 'if (false) b(); else c()']],
    ['condition fixed', 'const x = a ? b : c', ['const x = true ? b : c', 'const x = false ? b : c']],
    ['logical operator', 'const x = a && b', ['const x = a || b']],
    ['logical operator', 'const x = a || b', ['const x = a && b']],
    ['operand removed', 'const x = a && b', ['const x = a', 'const x = b']],
    ['operand removed', 'const x = a ?? b', ['const x = a', 'const x = b']],
    ['default removed', 'const { a = 1 } = b', ['const { a } = b']],
    ['default removed', 'a ??= b', ['a = b']],
    ['boundary', 'const x = [a < b, a <= b]', ['const x = [a <= b, a <= b]', 'const x = [a < b, a < b]']],
    ['boundary', 'const x = [a > b, a >= b]', ['const x = [a >= b, a >= b]', 'const x = [a > b, a > b]']],
    ['equality', 'const x = [a === b, a !== b]', ['const x = [a !== b, a !== b]', 'const x = [a === b, a === b]']],
    ['arithmetic', 'const x = a + b * c', ['const x = a - b * c', 'const x = a + b / c']],
    ['arithmetic', 'count++', ['count--']],
    ['arithmetic', 'count += n', ['count -= n']],
    ['arithmetic', "const x = a + 'text'", []],
    ['negation removed', 'const x = !a', ['const x = a']],
    [
      'boolean',
      'const x = { a: true, b: false }',
      ['const x = { a: false, b: false }', 'const x = { a: true, b: true }']
    ],
    [
      'number',
      'const x = [0, 256, 5000]',
      ['const x = [1, 256, 5000]', 'const x = [0, 257, 5000]', 'const x = [0, 256, 10000]']
    ],
    ['error code', "const x = f('AUTH_EXPIRED_TOKEN')", ["const x = f('AUTH_INVALID_TOKEN')"]],
    ['error code', "const x = f('AUTH_INVALID_TOKEN', 'a text')", ["const x = f('AUTH_REVOKED_TOKEN', 'a text')"]],
    ['method', 'const x = Math.max(a, b)', ['const x = Math.min(a, b)']],
    ['method', 'const x = a.some(f)', ['const x = a.every(f)']],
    ['call removed', 'const x = Object.freeze(a)', ['const x = a']],
    ['call removed', 'const x = a.filter(f)', ['const x = a']],
    ['statement removed', 'clear()', [';']],
    ['statement removed', 'if (a) throw b', ['if (a) ;']],
    ['statement removed', 'function f () { if (a) return b; return c }', ['function f () { if (a) ; return c }']],
    [
      'statement removed',
      'for (const a of b) { if (a) continue; c }',
      ['for (const a of b) { if (a) ; c }', 'for (const a of b) { if (a) continue; ; }']
    ],
    ['await removed', 'const x = await a', ['const x = a']],
    ['await removed', 'async function f () { return await a }', []],
    [
      'await removed',
      'async function f () { try { return await a } catch { b() } }',
      ['async function f () { try { return a } catch { b() } }']
    ],
    ['optional chaining', 'const x = [a?.b, a?.[0]]', ['const x = [a.b, a?.[0]]', 'const x = [a?.b, a[0]]']],
    ['anchor', 'const x = /^a$/i', ['const x = /a$/i', 'const x = /^a/i']],
    ['anchor', 'const x = /a/', []]
  ]
  for (const [operator, text, expected] of rows) {
    t.strictSame(mutantsBy(operator, text), expected, `${operator}: ${text}`)
  }
})

t.test('mutationsOf() leaves code alone that has no effect at run time', async (t) => {
  const texts = [
    "import { a } from './1.ts'",
    "export * from './1.ts'",
    "type A = 1 | true | 'AUTH_INVALID_TOKEN'",
    'interface A { readonly b: 5 }',
    "declare module 'x' { interface A { b: 1 } }",
    '// if (a) return 1',
    'let a: 1 | undefined'
  ]
  for (const text of texts) t.strictSame(mutants(text), [], text)
})

t.test('mutationsOf() names a mutation by its lines, so that it keeps its name when they move', async (t) => {
  const statement = 'save({\n    a: b\n  })'
  const [before] = mutationsOf('x.ts', statement).filter(({ operator }) => operator === 'statement removed')
  const [after] = mutationsOf('x.ts', `// new\n\n  ${statement}`).filter(
    ({ operator }) => operator === 'statement removed'
  )
  t.match(before, { line: 1, original: 'save({ a: b })', mutated: ';' })
  t.match(after, { line: 3, original: 'save({ a: b })', mutated: ';' })
})

t.test('apply() changes one place', async (t) => {
  const text = 'const a = 1\nconst b = 1\n'
  t.strictSame(
    mutationsOf('x.ts', text).map((mutation) => apply(text, mutation)),
    ['const a = 2\nconst b = 1\n', 'const a = 1\nconst b = 2\n']
  )
})

t.test('scoreOf() leaves equivalents out, and counts what tests, time and the compiler notice', async (t) => {
  const [mutation] = mutationsOf('x.ts', 'a()')
  const tried = (fates: Fate[]) => scoreOf(fates.map((fate) => ({ mutation: mutation!, fate })))
  t.match(tried(['tests', 'time', 'compiler', 'survived', 'equivalent', 'equivalent']), {
    percent: 75,
    survivors: [{ line: 1 }]
  })
  t.match(tried(['equivalent']), { percent: 100, survivors: [] })
  t.match(tried(['survived']), { percent: 0 })
})

t.test('hasFailure() finds failures at any depth, except in skipped and todo tests', async (t) => {
  t.ok(hasFailure('TAP version 14\n    not ok 1 - a\n'))
  t.notOk(hasFailure('not ok 1 - a # TODO\nnot ok 2 - b # SKIP\nok 3 - not ok\n    not ok 4 - not yet the whole line'))
})

t.test('testsOf() finds tests for every file in scope, and all of them exist', async (t) => {
  const named = Object.values(concerns).flat().map(testFile)
  t.strictSame(
    named.filter((test) => !existsSync(join(repository, test))),
    []
  )
  const files = readdirSync(join(repository, 'plugin'), { recursive: true, encoding: 'utf8' })
    .map((file) => `plugin/${file}`)
    .filter(isInScope)
  t.strictSame(
    files.filter((file) => testsOf(repository, file).length === 0),
    []
  )
  t.equal(testsOf(repository, 'plugin/tokens/key.ts')[0], 'test/tokens/key.test.ts')
  t.strictSame(
    ['plugin/stores/redis.ts', 'plugin/stores/sqlite/client.ts', 'test/errors.test.ts'].filter(isInScope),
    []
  )
})

t.test('each entry of the equivalents has a reason', async (t) => {
  t.strictSame(
    equivalents.filter(({ reason }) => !reason.endsWith('.')),
    []
  )
})

t.test('createSandbox() runs tests in a copy; close() ends what runs in it and deletes the copy', async (t) => {
  const root = t.testdir({
    node_modules: t.fixture('symlink', join(repository, 'node_modules')),
    'passes.js': 'import "./source.js"',
    'fails.js': 'process.stdout.write("not ok 1 - a\\n"); setInterval(() => {}, 1000)',
    'waits.js': 'setInterval(() => {}, 1000)',
    'source.js': ''
  })
  const sandbox = createSandbox(root)
  t.match(await sandbox.run('passes.js', 60_000), { outcome: 'passed' })
  t.match(await sandbox.run('fails.js', 60_000), { outcome: 'failed' }, 'without waiting for its end')
  t.match(await sandbox.run('waits.js', 1), { outcome: 'timed out' })
  sandbox.write('source.js', 'throw new Error("broken")')
  t.match(await sandbox.run('passes.js', 60_000), { outcome: 'failed' })
  t.equal(readFileSync(join(root, 'source.js'), 'utf8'), '', 'the tree is as it was')
  const running = sandbox.run('waits.js', 60_000)
  sandbox.close()
  t.match(await running, { outcome: 'failed' })
  t.notOk(existsSync(sandbox.folder))
})
