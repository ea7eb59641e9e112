import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { eject, packageName } from '../../eject/eject.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Outside of the repository, where `t.testdir()` is not. */
function newFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'eject-test-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  return folder
}

const fileNames = (folder: string) => readdirSync(folder, { recursive: true, encoding: 'utf8' })

t.test('eject() refuses a folder that is not new, or inside of the repository, and writes nothing', async (t) => {
  const cwd = newFolder(t)
  mkdirSync(join(cwd, 'full'))
  for (const name of ['full/notes.txt', 'file']) writeFileSync(join(cwd, name), 'mine')
  symlinkSync(root, join(cwd, 'link'), 'junction')
  const before = readdirSync(cwd)
  const rows: [string[], RegExp][] = [
    [[], /^expected one folder: npm run eject -- \.\.\/my-app: received none$/],
    [[''], /^expected one folder/],
    [['one', 'two'], /^expected one folder: .*: received one two$/],
    [['full'], /^the folder must be new or empty: full has files in it$/],
    [['file'], /^the folder must be new or empty: file is a file$/],
    [[root], /^the folder must be outside of this repository, such as \.\.\/my-app: received /],
    [[join(root, 'my-app')], /^the folder must be outside of this repository/],
    [[join(root, 'eject/../my-app/x')], /^the folder must be outside of this repository/],
    [['link/my-app'], /^the folder must be outside of this repository/],
    [['new', '--unknown'], /--unknown/],
    [['new', '--plugin'], /--plugin/],
    [['new', '--plugin', ' '], /^--plugin must be a version, a URL or a tarball: received " "$/],
    [['new', '--plugin', './gone.tgz'], /^--plugin must be .*existing tarball: received \.\/gone\.tgz$/],
    [['file/below', '--plugin', '^1.0.0'], /./]
  ]
  for (const [args, message] of rows) await t.rejects(eject(args, { cwd }), { message }, args.join(' '))
  t.strictSame(readdirSync(cwd), before)
  t.notOk(existsSync(join(root, 'my-app')))
})

t.test('eject() writes the whole project into a new folder, and into an empty one', async (t) => {
  const cwd = newFolder(t)
  mkdirSync(join(cwd, 'empty'))
  writeFileSync(join(cwd, 'plugin-1.0.0.tgz'), 'a tarball')
  const printed = await eject(['some/new', '--plugin', '^1.0.0'], { cwd })
  t.match(printed.join('\n'), /^ {2}cd some\/new\n {2}npm install\n/m)
  await eject(['empty', '--plugin', './plugin-1.0.0.tgz'], { cwd })
  const [one, two] = ['some/new', 'empty'].map((name) => fileNames(join(cwd, name)).sort())
  t.strictSame(
    two!.filter((name) => !one!.includes(name)),
    ['vendor', join('vendor', 'plugin-1.0.0.tgz')]
  )
  t.strictSame(readdirSync(cwd).sort(), ['empty', 'plugin-1.0.0.tgz', 'some'], 'and nothing beside it')
  const versionIn = (name: string) =>
    JSON.parse(readFileSync(join(cwd, name, 'package.json'), 'utf8')).dependencies['fastify-authenticate']
  t.equal(versionIn('some/new'), '^1.0.0')
  t.equal(versionIn('empty'), 'file:vendor/plugin-1.0.0.tgz')
})

t.test('eject() leaves nothing behind when a file cannot be written', async (t) => {
  const cwd = newFolder(t)
  mkdirSync(join(cwd, 'parent'))
  writeFileSync(join(cwd, 'parent/taken'), '')
  await t.rejects(eject(['parent/taken/app', '--plugin', '^1.0.0'], { cwd }))
  t.strictSame(readdirSync(join(cwd, 'parent')), ['taken'])
})

t.test('packageName() is a name that npm allows', async (t) => {
  const rows: [string, string][] = [
    ['/home/me/my-app', 'my-app'],
    ['/home/me/My App', 'my-app'],
    ['/home/me/_x.y', 'x.y'],
    ['/home/me/größe', 'gr-e'],
    ['/home/me/…', 'my-app'],
    ['/', 'my-app'],
    ['/home/me/fastify-authenticate', 'my-app']
  ]
  for (const [target, name] of rows) t.equal(packageName(target), name, target)
})
