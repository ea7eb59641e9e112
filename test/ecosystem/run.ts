// npm run test:ecosystem [-- NAME…]: other plugins, frameworks and libraries beside the plugin. Their packages are in
// `test/ecosystem/package.json`, not in the project's.
import { runRigs } from '../runner/rigs.ts'

await runRigs({ folder: 'test/ecosystem', projects: ['test/ecosystem'], jobs: 2 }, process.argv.slice(2))
