// The blocks of the pages that import packages of this folder. test/types.test.ts compiles the others.
import { join } from 'node:path'
import t from 'tap'
import { compile, snippetOptions } from '../fixtures/compile.ts'
import { placeInPage, snippetPrograms } from '../fixtures/compiled-snippets.ts'

const root = join(import.meta.dirname, '../..')
const paths = {
  // One copy, whose types the plugin extends.
  fastify: [join(root, 'node_modules/fastify')],
  'fastify-authenticate': [join(root, 'plugin/index.ts')],
  'fastify-authenticate/client': [join(root, 'client/index.js')],
  'fastify-authenticate/*': [join(root, 'plugin/*.ts')]
}

const withSources = (options: ReturnType<typeof snippetOptions>) => ({
  ...options,
  paths: { ...options.paths, ...paths }
})

t.test('every block of a page that imports a framework or another plugin compiles', async (t) => {
  const programs = snippetPrograms('ecosystem')
  t.ok(programs.length > 0)
  const errors = programs.flatMap((program) =>
    compile(import.meta.dirname, program.files, withSources(snippetOptions(program)))
  )
  t.strictSame(
    errors.map(({ file, line, message }) => `${placeInPage(file, line)}: ${message}`),
    []
  )
})
