import { join } from 'node:path'
import ts from 'typescript'

/** Type-checks single files of the plugin with a text that differs from the file. */
export function createCompiler(root: string) {
  const configFile = join(root, 'plugin/tsconfig.json')
  const { config } = ts.readConfigFile(configFile, ts.sys.readFile)
  const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, join(root, 'plugin'))
  const replaced = new Map<string, string>()
  let version = 0
  const service = ts.createLanguageService({
    fileExists: ts.sys.fileExists,
    readFile: ts.sys.readFile,
    readDirectory: ts.sys.readDirectory,
    directoryExists: ts.sys.directoryExists,
    getDirectories: ts.sys.getDirectories,
    // An unused name does not show what the mistake does.
    getCompilationSettings: () => ({ ...options, noEmit: true, noUnusedLocals: false, noUnusedParameters: false }),
    getScriptFileNames: () => fileNames,
    getScriptVersion: (file) => (replaced.has(file) ? String(version) : '0'),
    getScriptSnapshot(file) {
      const text = replaced.get(file) ?? ts.sys.readFile(file)
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text)
    },
    getCurrentDirectory: () => root,
    getDefaultLibFileName: ts.getDefaultLibFilePath
  })

  return {
    /** Whether `file` compiles when its text is this one. */
    accepts(file: string, text: string): boolean {
      const path = join(root, file)
      version++
      replaced.set(path, text)
      const found = [...service.getSyntacticDiagnostics(path), ...service.getSemanticDiagnostics(path)]
      replaced.delete(path)
      return found.length === 0
    }
  }
}
