import { join } from 'node:path'
import t, { type Test } from 'tap'
import { launchOptions, skipWithoutBrowser } from '../fixtures/browser.ts'
import { namedBlock } from '../fixtures/named-block.ts'
import { nodeOfLine, skipWithoutNode } from '../fixtures/node-lines.ts'
import { byTwos, run } from './commands.ts'
import { compilers, consumer, write } from './consumer.ts'
import { furnish, readReport } from './testing/workplace.ts'

t.setTimeout(280_000)
const { folder } = await consumer(t)
furnish(folder)
write(folder, {
  'jest.config.js': namedBlock('docs/modules.md', 'jest.config.js of ES modules'),
  'cookie.cjs': namedBlock('docs/modules.md', 'cookie.cjs'),
  'jest.config.cjs': namedBlock('docs/modules.md', 'jest.config.js'),
  'playwright.config.js': `export default ${JSON.stringify({
    testMatch: ['playwright/*.test.ts', 'docs/playwright.test.ts'],
    use: { launchOptions: launchOptions() }
  })}`
})

// The runners must not notice that tap runs this file.
const env = { TAP: '0', NO_COLOR: '1' }
const inFolder = ([program, parameters]: readonly [string, string]) =>
  run([program, ...parameters.split(' ')], { cwd: folder, env })

const node = process.execPath
/** Vitest needs Node 22. */
const node22 = nodeOfLine('22')
const compiled = await byTwos(['.', 'docs'], (project) =>
  inFolder([node, `${compilers['5.9']} -p ${project} --rootDir . --outDir out`])
)
/** The limits of the runners are short for a busy machine. */
const limitMs = 120_000
const vitest = `node_modules/vitest/vitest.mjs run --dir=vitest --reporter=json --testTimeout=${limitMs}`
const jest = `node_modules/jest/bin/jest.js out/jest --json --testTimeout=${limitMs}`

/** What runs after the compiler: program and parameters. */
const commands = {
  'TypeScript 6': [node, `${compilers['6.0']} -p . --noEmit`],
  'TypeScript 7': [node, `${compilers['7.0']} -p . --noEmit`],
  tap: [
    node,
    'node_modules/tap/dist/esm/run.mjs --reporter=tap --timeout=120 --disable-coverage out/tap/notes.test.js'
  ],
  'node:test': [node, '--test --test-reporter=tap out/node/notes.test.js'],
  libraries: [node, '--test --test-reporter=tap out/node/servers.test.js out/node/libraries.test.js'],
  documented: [node, '--test --test-reporter=tap out/docs/first.test.js out/docs/supertest.test.js'],
  vitest: [node22, `${vitest} --outputFile=vitest.json`],
  'vitest in threads': [node22, `${vitest} --outputFile=threads.json --pool=threads --no-isolate`],
  'jest as ES modules': [
    node,
    `--experimental-vm-modules ${jest} -c jest.config.js --outputFile=jest-esm.json --detectOpenHandles`
  ],
  'jest as CommonJS': [node, `${jest} -c jest.config.cjs --outputFile=jest-cjs.json`],
  playwright: [node, `node_modules/@playwright/test/cli.js test --reporter=line --timeout=${limitMs}`],
  'app.close()': [node, 'out/process.js close'],
  'no app.close()': [node, 'out/process.js leave']
} as const
type Name = keyof typeof commands

const skips: { readonly [name in Name]?: string | boolean } = {
  vitest: skipWithoutNode('22').skip,
  'vitest in threads': skipWithoutNode('22').skip,
  playwright: skipWithoutBrowser.skip
}
const names = (Object.keys(commands) as Name[]).filter((name) => !skips[name])
const outputs = await byTwos(names, (name) => inFolder(commands[name]))

/** Expects that a command has succeeded, and returns its output. */
function succeeded(t: Test, name: Name): string {
  const { status, text } = outputs[names.indexOf(name)] ?? { status: 1, text: 'skipped' }
  t.equal(status, 0, `exit code of ${name}`) || t.comment(text)
  return text
}
const unless = (name: Name) => ({ skip: skips[name] ?? false })
/** The tests of an application, and those of fake timers. */
const expected = { passed: { notes: 12, timers: 2 }, others: [] }

t.test('TypeScript 5.9, 6 and 7 check the claims of as() by AuthTypes', async (t) => {
  t.strictSame(compiled, Array(2).fill({ status: 0, text: '' }))
  t.equal(succeeded(t, 'TypeScript 6'), '')
  t.equal(succeeded(t, 'TypeScript 7'), '')
})

t.test('tap runs the 12 tests, and ends', async (t) => {
  t.equal(succeeded(t, 'tap').match(/^ {4}ok \d+ - /gm)?.length, 12)
})

t.test('node:test runs the 12 tests, and ends', async (t) => {
  t.match(succeeded(t, 'node:test'), /^# pass 12\n# fail 0$/m)
})

t.test(
  'vitest runs the 12 tests, in processes and in threads that share their modules',
  unless('vitest'),
  async (t) => {
    succeeded(t, 'vitest')
    t.strictSame(readReport(join(folder, 'vitest.json')), expected)
    succeeded(t, 'vitest in threads')
    t.strictSame(readReport(join(folder, 'threads.json')), expected)
  }
)

t.test('jest runs the 12 tests with the configurations of docs/modules.md, and ends', async (t) => {
  t.notMatch(succeeded(t, 'jest as ES modules'), /open handle|did not exit/)
  t.strictSame(readReport(join(folder, 'jest-esm.json')), expected)
  t.notMatch(succeeded(t, 'jest as CommonJS'), /did not exit/)
  t.strictSame(readReport(join(folder, 'jest-cjs.json')), expected)
})

t.test('supertest and fetch send the headers of as(); jose and oauth4webapi accept the issuer', async (t) => {
  t.match(succeeded(t, 'libraries'), /^# pass 4\n# fail 0$/m)
})

t.test("the tests of docs/testing.md pass with the README's application", async (t) => {
  t.match(succeeded(t, 'documented'), /^# pass 4\n# fail 0$/m)
})

t.test(
  'a page opens signed in by storageState() of Playwright, also that of docs/testing.md',
  unless('playwright'),
  async (t) => {
    t.match(succeeded(t, 'playwright'), /^ *2 passed/m)
  }
)

t.test('a process that uses the kit ends by itself, also without app.close()', async (t) => {
  t.equal(succeeded(t, 'app.close()'), '200')
  t.equal(succeeded(t, 'no app.close()'), '200')
})

t.test('createTestAuth() throws in production', async (t) => {
  const { status, text } = await run([node, 'out/process.js'], { cwd: folder, env: { NODE_ENV: 'production' } })
  t.equal(status, 1)
  t.match(text, /Error: createTestAuth\(\) .* NODE_ENV is "production"/)
})
