// The pages are in the package too, where nothing else of the repository is.
import { execFileSync, execSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import t from 'tap'

/** The files that `npm pack` packs, without those that the build makes. */
function packedFiles(): ReadonlySet<string> {
  const output = execSync('npm pack --dry-run --json --ignore-scripts', { stdio: ['ignore', 'pipe', 'ignore'] })
  const [{ files }] = JSON.parse(String(output)) as [{ files: { path: string }[] }]
  return new Set(files.map(({ path }) => path).filter((path) => !path.startsWith('dist/')))
}

const packed = packedFiles()
const pages = [...packed].filter((path) => path.endsWith('.md'))

/** What a page links to, or shows, by relative paths. */
function targetsOf(page: string): string[] {
  const prose = readFileSync(page, 'utf8').replace(/^( *)```[^]*?^\1```$/gm, '')
  return [...prose.matchAll(/\]\(([^)\s]+)\)|\b(?:src|href)="([^"]+)"/g)]
    .map(([, link, attribute]) => (link ?? attribute)!.split('#')[0]!)
    .filter((target) => target !== '' && !/^[a-z]+:/.test(target))
}

t.test('the package contains every page of docs/, SECURITY.md, the changelog and the license', async (t) => {
  for (const file of ['README.md', 'CHANGELOG.md', 'SECURITY.md', 'LICENSE', 'package.json']) {
    t.ok(packed.has(file), file)
  }
  const tracked = execFileSync('git', ['ls-files', 'docs'], { encoding: 'utf8' }).trim().split('\n')
  t.strictSame(
    tracked.filter((file) => existsSync(file) && !packed.has(file)),
    []
  )
})

t.test('the package contains nothing but the plugin, the client and their pages', async (t) => {
  const folders = [...packed].map((path) => (path.includes('/') ? `${path.split('/')[0]}/` : path))
  t.strictSame([...new Set(folders)].sort(), [
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'SECURITY.md',
    'client/',
    'docs/',
    'package.json',
    'plugin/'
  ])
  const others = [...packed].filter((path) => !/\.(ts|js|md|png|svg)$/.test(path))
  t.strictSame(others.sort(), ['LICENSE', 'package.json'])
})

t.test('every relative link of a page leads to a file of the package', async (t) => {
  t.ok(pages.length > 20, 'the pages are found')
  for (const page of pages) {
    const targets = targetsOf(page).map((target) => normalize(join(dirname(page), target)).replaceAll('\\', '/'))
    t.strictSame(
      targets.filter((target) => !packed.has(target.replace(/\/$/, '/README.md'))),
      [],
      page
    )
  }
})
