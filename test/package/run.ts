// npm run test:package [-- NAME…]: the packed plugin in fresh folders outside of the project, with the compilers, test
// runners, bundlers and runtimes of `test/package/package.json`. docs/modules.md lists what works.
import { runRigs } from '../runner/rigs.ts'
import { packOnce } from './consumer.ts'

const folder = 'test/package'
await runRigs({ folder, needs: ['test/nodes'], projects: [folder], prepare: packOnce, jobs: 2 }, process.argv.slice(2))
