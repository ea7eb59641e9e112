import t from 'tap'
import { namedBlock } from '../fixtures/named-block.ts'
import { nodeOfLine, skipWithoutNode } from '../fixtures/node-lines.ts'
import { run } from './commands.ts'
import { consumer, link, ownPackage, projectPackage, write } from './consumer.ts'
import { jestTest } from './sources.ts'

t.setTimeout(280_000)
const { folder } = await consumer(t)
const env = { TAP: '0', NO_COLOR: '1' }

t.test('Jest 29 in CommonJS runs the plugin with the configuration of docs/modules.md, or with Babel', async (t) => {
  const config = namedBlock('docs/modules.md', 'jest.config.js')
  const toCommonJs = ['modules-commonjs', 'dynamic-import'].map((name) => ownPackage(`@babel/plugin-transform-${name}`))
  const babel = { '\\.js$': [ownPackage('babel-jest'), { configFile: false, plugins: toCommonJs }] }
  link(folder, { 'ts-jest': ownPackage('ts-jest'), typescript: projectPackage('typescript') })
  write(folder, {
    'jest-babel/plugin.test.js': jestTest,
    'jest-babel/jest.config.js': `${config}\nmodule.exports.transform = ${JSON.stringify(babel)}`,
    'jest-ts/plugin.test.ts': jestTest,
    'jest-ts/jest.config.js': config
  })
  const jest = [process.execPath, ownPackage('jest/bin/jest.js'), '--projects', 'jest-babel', 'jest-ts'] as const
  const { status, text } = await run(jest, { cwd: folder, env })
  t.equal(status, 0, text)
  t.match(text, /Tests: +2 passed, 2 total/)
})

t.test('Jest 30 runs the plugin without settings on Node 26', skipWithoutNode('26'), async (t) => {
  write(folder, { 'jest-30/plugin.test.mjs': jestTest, 'jest-30/package.json': '{ "type": "module" }' })
  const parameters = ['--experimental-vm-modules', ownPackage('jest-30/bin/jest.js'), '--rootDir', 'jest-30']
  const matching = ['--testMatch', '**/*.test.mjs', '--transform', '{}']
  const { status, text } = await run([nodeOfLine('26'), ...parameters, ...matching], { cwd: folder, env })
  t.equal(status, 0, text)
  t.match(text, /Tests: +1 passed, 1 total/)
})
