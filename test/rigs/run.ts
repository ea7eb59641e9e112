// npm run test:rigs [-- NAME…]: clients and servers of others against the plugin. Their packages are in
// `test/rigs/package.json`, not in the project's.
import { runRigs } from '../runner/rigs.ts'
import { writeBlocks } from './mcp/page-blocks.ts'

const projects = ['test/rigs', 'test/rigs/client/page', 'test/rigs/example-server']
await runRigs({ folder: 'test/rigs', needs: ['test/nodes'], projects, prepare: writeBlocks }, process.argv.slice(2))
