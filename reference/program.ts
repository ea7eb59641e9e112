import { join, relative } from 'node:path'
import ts from 'typescript'
import { entries } from './entries.ts'

const root = join(import.meta.dirname, '..')

/** The compiler's view of the public entries. */
export interface Program {
  readonly checker: ts.TypeChecker
  /** @param file a path from the root of the repository */
  source(file: string): ts.SourceFile
  /** Where a declaration is, as a path from the root; `null` if it is not ours. */
  fileOf(node: ts.Node): string | null
}

export function createProgram(): Program {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent({ ...config, files: [], include: [] }, ts.sys, root)
  const program = ts.createProgram({
    rootNames: [...entries.map(({ source }) => join(root, source)), join(import.meta.dirname, 'added-to-fastify.ts')],
    // The client runs in browsers too.
    options: { ...options, incremental: false, lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'] }
  })
  return {
    checker: program.getTypeChecker(),
    source: (file) => program.getSourceFile(join(root, file))!,
    fileOf(node) {
      const file = relative(root, node.getSourceFile().fileName).replaceAll('\\', '/')
      return /^(plugin|client)\//.test(file) ? file : null
    }
  }
}
