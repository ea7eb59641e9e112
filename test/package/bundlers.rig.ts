import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build as esbuild } from 'esbuild'
import { rollup } from 'rollup'
import t, { type Test } from 'tap'
import { build as vite } from 'vite'
import webpack from 'webpack'
import { namedBlock } from '../fixtures/named-block.ts'
import { run } from './commands.ts'
import { consumer, write } from './consumer.ts'
import { importingJs, outcome } from './sources.ts'

t.setTimeout(280_000)
const { folder } = await consumer(t)
const pages = {
  everything: "export * from 'fastify-authenticate/client'",
  unused: "import { createAuth } from 'fastify-authenticate/client'"
}
write(folder, {
  'server.mjs': importingJs,
  ...Object.fromEntries(Object.entries(pages).map(([name, text]) => [`${name}.js`, text]))
})
const inFolder = (name: string) => join(folder, name)

/** Fails unless a bundle works in a folder that has no packages. */
async function runsAlone(t: Test, file: string): Promise<void> {
  t.strictSame(await run([process.execPath, file], { cwd: folder }), { status: 0, text: outcome })
}

t.test('esbuild: bundles a server into one file, which runs without packages', async (t) => {
  const { folder: elsewhere } = { folder: t.testdir() }
  const outfile = join(elsewhere, 'server.mjs')
  const [, line] = /js: "(.*)" }/.exec(namedBlock('docs/modules.md', 'bundle of a server'))!
  const banner = { js: line! }
  const options = { bundle: true, platform: 'node', format: 'esm', banner, logLevel: 'silent' } as const
  const { warnings } = await esbuild({ ...options, entryPoints: [inFolder('server.mjs')], outfile })
  t.strictSame(warnings, [])
  t.strictSame(await run([process.execPath, outfile], { cwd: elsewhere }), { status: 0, text: outcome })
})

t.test('esbuild: bundles the client for browsers from its own files alone, and only if it is used', async (t) => {
  const bundle = async (contents: string) => {
    const options = { bundle: true, minify: true, format: 'esm', platform: 'browser', metafile: true } as const
    const stdin = { contents, resolveDir: folder }
    const { metafile, outputFiles, warnings } = await esbuild({
      ...options,
      stdin,
      write: false,
      absWorkingDir: folder
    })
    t.strictSame(warnings, [])
    return { text: outputFiles[0]!.text, files: Object.keys(metafile.inputs).filter((path) => path !== '<stdin>') }
  }
  const { files } = await bundle(pages.everything)
  t.ok(files.length > 0)
  t.strictSame(
    files.filter((path) => !path.startsWith('node_modules/fastify-authenticate/dist/client/')),
    []
  )
  t.equal((await bundle(pages.unused)).text.trim(), '')
})

t.test('Rollup: bundles the client, and only if it is used', async (t) => {
  const bundle = async (name: string) => {
    // Without a plugin, Rollup does not look into packages.
    const resolveClient = {
      name: 'client',
      resolveId: (id: string) =>
        id === 'fastify-authenticate/client' ? inFolder('node_modules/fastify-authenticate/dist/client/index.js') : null
    }
    const built = await rollup({
      input: inFolder(`${name}.js`),
      plugins: [resolveClient],
      treeshake: { moduleSideEffects: false }
    })
    const { output } = await built.generate({ format: 'es' })
    return output[0]
  }
  t.ok((await bundle('everything')).exports.includes('createAuth'))
  t.equal((await bundle('unused')).code.trim(), '')
})

t.test('Vite: bundles the client for a page, and only if it is used', async (t) => {
  const bundle = async (name: string) => {
    const lib = { entry: inFolder(`${name}.js`), formats: ['es'] as 'es'[] }
    const built = await vite({ root: folder, configFile: false, logLevel: 'silent', build: { lib, write: false } })
    const [result] = built as unknown as { output: { code: string; exports: string[] }[] }[]
    return result!.output[0]!
  }
  t.ok((await bundle('everything')).exports.includes('createAuth'))
  t.equal((await bundle('unused')).code.trim(), '')
})

t.test('webpack: bundles a server, which runs, and the client, only if it is used', async (t) => {
  const output = { path: inFolder('webpack') }
  const common = { context: folder, mode: 'production', devtool: false } as const
  const bundle = async (configuration: webpack.Configuration) =>
    await new Promise<webpack.StatsCompilation>((resolve, reject) => {
      webpack({ ...common, ...configuration }, (error, stats) => (error ? reject(error) : resolve(stats!.toJson())))
    })
  const server = await bundle({
    target: 'node20',
    entry: './server.mjs',
    experiments: { outputModule: true },
    output: { ...output, filename: 'server.mjs', module: true, library: { type: 'module' } }
  })
  t.strictSame(server.errors, [])
  await runsAlone(t, 'webpack/server.mjs')
  const client = await bundle({ target: 'web', entry: './unused.js', output: { ...output, filename: 'unused.js' } })
  t.strictSame([...client.errors!, ...client.warnings!], [])
  t.equal(readFileSync(inFolder('webpack/unused.js'), 'utf8').trim(), '')
  rmSync(output.path, { recursive: true })
})
