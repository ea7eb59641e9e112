// node --import ./test/runner/typescript.js FILE: does what `--import tsx` does, for less time at each start.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire, register } from 'node:module'
import { fileURLToPath } from 'node:url'
import { isMainThread } from 'node:worker_threads'

const require = createRequire(import.meta.url)
const folder = fileURLToPath(new URL('../../.cache/compiled/', import.meta.url))

if (isMainThread) {
  mkdirSync(folder, { recursive: true })
  process.setSourceMapsEnabled(true)
  register(import.meta.url)
}

/** A folder with a package of its own, where the name of the project's package is not known. */
const ecosystem = new URL('../ecosystem/', import.meta.url).href

/** The hook of Node's module loader. */
export async function resolve(specifier, context, next) {
  if (/^fastify-authenticate(?:\/|$)/.test(specifier) && context.parentURL?.startsWith(ecosystem)) {
    return await next(specifier, { ...context, parentURL: import.meta.url })
  }
  try {
    return await next(specifier, context)
  } catch (error) {
    // The blocks of pages import each other as readers compile them: `./name.js`.
    if (error.code !== 'ERR_MODULE_NOT_FOUND' || !/^\.\.?\/.*\.js$/.test(specifier)) throw error
    return await next(specifier.replace(/\.js$/, '.ts'), context)
  }
}

/** The hook of Node's module loader. */
export async function load(url, context, next) {
  if (!url.startsWith('file:') || !/\.ts(\?|$)/.test(url)) return await next(url, context)
  const file = fileURLToPath(url)
  return { format: 'module', shortCircuit: true, source: compile(readFileSync(file, 'utf8'), file) }
}

function compile(text, file) {
  const cached = folder + createHash('sha1').update(`${file}\n${text}`).digest('hex')
  try {
    return readFileSync(cached, 'utf8')
  } catch {
    const { transformSync } = require('esbuild')
    const { code } = transformSync(text, {
      loader: 'ts',
      format: 'esm',
      target: 'node20',
      sourcefile: file,
      sourcemap: 'inline'
    })
    // Another test may compile the same file.
    writeFileSync(`${cached}.${process.pid}`, code)
    renameSync(`${cached}.${process.pid}`, cached)
    return code
  }
}
