import t from 'tap'
import { nodeLines, nodeOfLine, skipWithoutNode } from '../fixtures/node-lines.ts'
import { byTwos, run } from './commands.ts'
import { consumer, write } from './consumer.ts'
import { comparing, entries, importingJs, outcome, requiring } from './sources.ts'

t.setTimeout(280_000)
const programs = { 'requiring.cjs': requiring, 'comparing.cjs': comparing, 'importing.mjs': importingJs }
const expected = { 'requiring.cjs': outcome, 'comparing.cjs': '[]', 'importing.mjs': outcome }

const isMissing = nodeLines.map((line) => skipWithoutNode(line).skip).find(Boolean) ?? false

t.test('Node: import and require() load every entry on every line', { skip: isMissing }, async (t) => {
  t.ok(entries.length > 5, 'the entries are found')
  const { folder } = await consumer(t)
  write(folder, programs)
  const rows = nodeLines.flatMap((line) => Object.entries(expected).map(([file, text]) => ({ line, file, text })))
  const found = await byTwos(rows, ({ line, file }) => run([nodeOfLine(line), file], { cwd: folder }))
  for (const [index, { line, file, text }] of rows.entries()) {
    t.strictSame(found[index], { status: 0, text }, `Node ${line}: ${file}`)
  }
})

t.test('Fastify: the oldest version that package.json allows registers the plugin', async (t) => {
  const { folder } = await consumer(t, ['fastify@5.0.0'])
  write(folder, programs)
  t.strictSame(await run([process.execPath, 'importing.mjs'], { cwd: folder }), { status: 0, text: outcome })
})
