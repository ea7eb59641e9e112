// `auth.fetch` in the client libraries of others, on each version of Node that they run on.
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { nodeLines, nodeOfLine, skipWithoutNode } from '../../fixtures/node-lines.ts'

t.setTimeout(240_000)
t.jobs = 2
const file = fileURLToPath(new URL('stories.ts', import.meta.url))
for (const line of nodeLines.filter((line) => !line.includes('.'))) {
  const stories = [...process.execArgv, file]
  void t.spawn(nodeOfLine(line), stories, { ...skipWithoutNode(line), buffered: true }, `Node ${line}`)
}
