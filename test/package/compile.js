// node compile.js TYPESCRIPT PROGRAMS: prints the errors of the files outside of other packages, as `file: code`.
// It compiles several programs in one process, and checks only the declarations of this package.
import { createRequire } from 'node:module'

const [typescript, programs] = process.argv.slice(2)
const ts = createRequire(import.meta.url)(typescript)
const libraries = new Map()

/** The compiler's own declarations are the same in all programs. */
function hostOf(options) {
  const host = ts.createCompilerHost(options)
  const { getSourceFile } = host
  host.getSourceFile = (file, ...rest) => {
    if (!/[\\/]lib\.[\w.]+\.d\.ts$/.test(file)) return getSourceFile.call(host, file, ...rest)
    if (!libraries.has(file)) libraries.set(file, getSourceFile.call(host, file, ...rest))
    return libraries.get(file)
  }
  return host
}

function compile({ options: given, files }) {
  const { options, errors } = ts.convertCompilerOptionsFromJson(given, process.cwd())
  const program = ts.createProgram(files, options, hostOf(options))
  const own = program
    .getSourceFiles()
    .filter(({ fileName }) => !fileName.includes('/node_modules/') || fileName.includes('/fastify-authenticate/'))
  const found = [
    ...errors,
    ...program.getOptionsDiagnostics(),
    ...program.getGlobalDiagnostics(),
    ...own.flatMap((file) => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)])
  ]
  if (options.outDir !== undefined) program.emit()
  return {
    errors: [...new Set(found.map(({ file, code }) => `${file ? nameOf(file) : ''}: TS${code}`))],
    text: ts.formatDiagnostics(found, {
      getCurrentDirectory: () => process.cwd(),
      getCanonicalFileName: (name) => name,
      getNewLine: () => '\n'
    })
  }
}

const nameOf = ({ fileName }) => fileName.replace(/^.*\/(?=fastify-authenticate\/|[^/]+\/[^/]+$)/, '')

console.log(JSON.stringify(JSON.parse(programs).map(compile)))
