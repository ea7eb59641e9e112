// How each fenced block of the pages is checked. test/types.test.ts and test/ecosystem/docs.rig.ts compile.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { compilerOf } from '../fixtures/compiled-snippets.ts'
import { filesIn } from '../fixtures/files.ts'
import { snippetPages, snippetsOf, type Snippet } from '../fixtures/snippets.ts'

/** Why nobody can run a block: what `<!-- not run: WHY -->` may say. TypeScript, JavaScript and JSON always can. */
const reasons = ['needs root', 'needs Docker', 'needs a provider', 'needs a published package', 'needs a cluster']

const tests = filesIn('test', /\.[jt]s$/)
  .filter((file) => file !== 'test/docs/snippets.test.ts')
  .map((file) => readFileSync(file, 'utf8'))

/** A test that names the page and the block. */
function isRun({ page, name }: Snippet): boolean {
  const names = [`'${name}'`, `"${name}"`, `\`${name}\``]
  return tests.some((text) => text.includes(page) && names.some((quoted) => text.includes(quoted)))
}

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }
const packages = ['package.json', 'test/ecosystem/package.json', 'test/rigs/package.json'].flatMap((file) => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, object>
  return Object.keys({ ...dependencies, ...devDependencies })
})

/** Commands that every reader of these pages knows: what they name must exist. */
const commands: readonly [pattern: RegExp, isRight: (found: RegExpExecArray) => boolean][] = [
  [/^npm (?:ci|start|test|init -y|pkg set type=module|pack)$/, () => true],
  [/^(?:mkdir|cd) \S+$/, () => true],
  // Prints a secret.
  [/^node (?:-p|-e) "(?:console\.log\()?crypto\.randomBytes\(32\)\.toString\('base64url'\)\)?"$/, () => true],
  [/^npm run ([\w:-]+)(?: -- .*)?$/, ([, script]) => script! in scripts],
  [
    /^npm install (?:(?:-D|--save-dev) )?(.+)$/,
    ([, names]) => names!.split(' ').every((name) => name === 'fastify-authenticate' || packages.includes(name))
  ]
]

function isKnownCommand(line: string): boolean {
  return line.split(' && ').every((command) =>
    commands.some(([pattern, isRight]) => {
      const found = pattern.exec(command.trim())
      return found !== null && isRight(found)
    })
  )
}

function isJson(code: string): boolean {
  try {
    JSON.parse(code)
    return true
  } catch {
    return false
  }
}

/** How the block is checked; `null` if it is not. */
function checkOf(snippet: Snippet): string | null {
  const { name, notRun, language, code } = snippet
  const compiler = compilerOf(snippet)
  if (/^(?:ts|tsx|js)$/.test(language) && compiler === null) return null
  if (name !== null) return isRun(snippet) ? 'run' : null
  if (compiler === 'rigs') return /'@modelcontextprotocol\//.test(code) ? 'compiled' : null
  if (compiler !== null) return 'compiled'
  if (language === 'json') return isJson(code) ? 'parsed' : null
  if (language === 'mermaid') return 'a picture'
  if (language === 'sh' && code.trim().split('\n').every(isKnownCommand)) return 'known commands'
  return notRun !== null && reasons.includes(notRun) ? notRun : null
}

const snippets = snippetPages().flatMap(snippetsOf)
const placeOf = ({ page, line, language, name, notRun }: Snippet) =>
  `${page}:${line} (${[language, name, notRun].filter(Boolean).join(', ')})`

t.test('every block of the pages is run, compiled, or of a kind that cannot be run', async (t) => {
  t.ok(snippets.length > 100)
  t.strictSame(snippets.filter((snippet) => checkOf(snippet) === null).map(placeOf), [])
})

t.test('every fence of the pages is found, and so is every mark', async (t) => {
  for (const page of snippetPages()) {
    const text = readFileSync(page, 'utf8')
    const found = snippetsOf(page)
    t.equal(found.length * 2, text.match(/^ *```/gm)?.length ?? 0, `${page}: fences`)
    const marked = found.filter(({ name, notRun }) => name !== null || notRun !== null)
    t.equal(marked.length, text.match(/^ *<!-- (?:test|not run): /gm)?.length ?? 0, `${page}: marks`)
  }
})

t.test('every block for a shell is well-formed', async (t) => {
  for (const snippet of snippets.filter(({ language }) => language === 'sh')) {
    t.doesNotThrow(() => execFileSync('sh', ['-n'], { input: snippet.code, stdio: 'pipe' }), placeOf(snippet))
  }
})
