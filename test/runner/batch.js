// node --import ./test/runner/typescript.js test/runner/batch.js: runs each test file that the parent process sends.
import { register } from 'node:module'
import { resolve as absolute } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isMainThread } from 'node:worker_threads'

if (isMainThread) {
  const { default: root } = await import('tap')
  register(import.meta.url)
  // The parent limits the time of each file.
  root.setTimeout(0)
  process.on('disconnect', () => process.exit())
  process.on('message', async (file) => {
    // A test whose promise never settles then ends the process, as it does without a parent, and tap names it.
    process.channel.unref()
    await root.test(file, async (t) => {
      globalThis.tapOfFile = t
      await import(pathToFileURL(absolute(file)).href)
    })
    process.channel?.ref()
  })
}

/** The hook of Node's module loader: what a test file imports from tap is a subtest, which ends with the file. */
export async function resolve(specifier, context, next) {
  const { parentURL = '' } = context
  if (specifier !== 'tap' || !parentURL.endsWith('.test.ts')) return await next(specifier, context)
  return { url: `data:text/javascript,export default tapOfFile //${encodeURIComponent(parentURL)}`, shortCircuit: true }
}
