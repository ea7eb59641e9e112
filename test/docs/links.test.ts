// What the Markdown pages name must exist: files, headings, npm scripts.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import t from 'tap'

const pages = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
  encoding: 'utf8'
})
  .trim()
  .split('\n')
  // Pages of the project that `npm run eject` writes: test/eject/project.test.ts checks them.
  .filter((page) => existsSync(page) && !page.startsWith('eject/template/'))

/** Without its code blocks, whose content names nothing of this repository. */
function proseOf(page: string): string {
  return readFileSync(page, 'utf8').replace(/^( *)```[^]*?^\1```$/gm, '')
}

/** The anchors that GitHub gives the headings of a page. */
function anchorsOf(page: string): string[] {
  return [...proseOf(page).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-')
  )
}

/** The links of a page that lead nowhere. */
function brokenLinks(page: string): string[] {
  return [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target!)
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => {
      const [path, anchor] = target.split('#')
      const file = path === '' ? page : join(dirname(page), path!)
      return !existsSync(file) || (anchor !== undefined && !anchorsOf(file).includes(anchor))
    })
}

const topFolders = /^(?:plugin|example-server|test|bench|docs|\.ci|\.github)\//

/** The files of this repository that a page names in backticks and that do not exist. */
function missingFiles(page: string): string[] {
  return [...proseOf(page).matchAll(/`([^`\s]+)`/g)]
    .map(([, text]) => text!)
    .filter((text) => topFolders.test(text) && !/[*{}<>…$]/.test(text))
    .filter((text) => {
      const path = text.replace(/:\d+$/, '')
      return !existsSync(path) || statSync(path).isDirectory() !== path.endsWith('/')
    })
}

t.test('every relative link and anchor in a Markdown page leads somewhere', async (t) => {
  t.ok(pages.length > 15)
  for (const page of pages) t.strictSame(brokenLinks(page), [], page)
})

t.test('every file that README.md, docs/ or CONTRIBUTING.md names exists', async (t) => {
  for (const page of pages) t.strictSame(missingFiles(page), [], page)
})

t.test('every npm script that a Markdown page names exists', async (t) => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }
  for (const page of pages) {
    const named = [...readFileSync(page, 'utf8').matchAll(/\bnpm run ([\w:-]+)/g)].map(([, name]) => name!)
    t.strictSame(
      named.filter((name) => !(name in scripts)),
      [],
      page
    )
  }
})

/** The page that must link this one. */
function indexOf(page: string): string {
  const folder = /^(docs\/(?:recipes|reference)\/)(?!README)/.exec(page)
  if (folder !== null) return `${folder[1]}README.md`
  return page.startsWith('docs/moving/') ? 'docs/moving.md' : 'docs/README.md'
}

t.test('every page of docs/ is linked from docs/README.md, those of its folders from their indexes', async (t) => {
  const isLinked = (page: string) =>
    readFileSync(indexOf(page), 'utf8').includes(`](${relative(dirname(indexOf(page)), page)}`)
  t.strictSame(
    pages.filter((page) => page.startsWith('docs/') && page !== 'docs/README.md' && !isLinked(page)),
    []
  )
  t.match(readFileSync('README.md', 'utf8'), '](docs/README.md)')
})
