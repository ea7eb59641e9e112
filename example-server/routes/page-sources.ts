import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Services } from '../services.ts'

const serverFolder = join(import.meta.dirname, '..').replace(/([\\/])dist$/, '$1src')

/** The plugin's sources are in the repository and in the published package. */
const pluginFolder = fileURLToPath(new URL('../plugin', import.meta.resolve('fastify-authenticate')))

interface Excerpt {
  /** From the root of the project; `plugin/` is the one of the package. */
  readonly path: string
  /**
   * How its first line starts, without indentation. It ends at the next line with the same indentation that does not
   * begin the body of a function.
   */
  readonly from: string
  /** How many lines it has, if it ends elsewhere. */
  readonly lines?: number
}

/** The lines that lessons show, by the names that the lessons use. */
export const excerpts: Readonly<Record<string, Excerpt>> = {
  'check-password': { path: 'example-server/routes/login.ts', from: 'async function identify(' },
  'new-key': { path: 'example-server/keys/rotation.ts', from: 'function newKey(' },
  'signed-claims': { path: 'plugin/tokens/local-verifier.ts', from: 'function signedClaims(' },
  'accepted-audience': { path: 'plugin/tokens/claims.ts', from: 'function isAccepted(' },
  scopes: { path: 'plugin/tokens/requirement-check.ts', from: 'function hasScopes(' },
  'refreshed-claims': { path: 'example-server/app.ts', from: 'async claims({ sub' },
  'has-passed': { path: 'plugin/tokens/claims.ts', from: 'export function hasPassed(' },
  'sign-in': { path: 'example-server/routes/session-start.ts', from: 'const signedIn =', lines: 4 },
  'check-token': { path: 'plugin/tokens/local-verifier.ts', from: 'check(parsed: ParsedToken' },
  me: { path: 'example-server/routes/me.ts', from: 'app.get(' },
  'sign-out': { path: 'example-server/routes/logout.ts', from: 'async (request, reply) => {' },
  'check-revoked': { path: 'plugin/sessions/revocations.ts', from: 'isValid(verified' },
  'refresh-verdict': { path: 'plugin/sessions/rotation.ts', from: 'export function decide(' },
  'other-site': { path: 'example-server/page/lessons/other-site.html', from: '<form id="sign-in"' },
  'own-site': { path: 'plugin/http/cross-site.ts', from: 'export function isFromOwnSite(' },
  dependency: { path: 'example-server/page/lessons/dependency.js', from: 'const found = {' },
  'strong-secret': { path: 'example-server/config/secrets.ts', from: 'function isStrong(' },
  'short-life': { path: 'example-server/config/config.ts', from: "const accessTokenSeconds = read('", lines: 1 },
  'http-only': { path: 'plugin/http/cookies.ts', from: 'const attributes = { httpOnly: true', lines: 1 },
  'https-only': {
    path: 'example-server/operations/transport-security.ts',
    from: 'export function createAssertEncrypted('
  },
  'token-claims': { path: 'example-server/routes/session-start.ts', from: 'export function sessionStart(' },
  'small-token': { path: 'plugin/http/cookies.ts', from: 'const assertFits: AssertFits' }
}

export interface Lines {
  readonly path: string
  /** Where the whole file is served. `null`: nowhere. */
  readonly href: string | null
  /** Number of the first line. */
  readonly line: number
  readonly text: string
}

/**
 * @returns the lines as they are in the file, without their common indentation
 * @throws Error if no line, or more than one, starts like this
 */
export function linesOf({ path, from, lines: count }: Excerpt, source: string): Pick<Lines, 'line' | 'text'> {
  const lines = source.split('\n')
  const starts = lines.flatMap((line, index) => (line.trimStart().startsWith(from) ? [index] : []))
  const [start] = starts
  if (start === undefined || starts.length > 1) {
    throw new Error(`${path} must have one line that starts with "${from}": it has ${starts.length}`)
  }
  const indentation = lines[start]!.search(/\S/)
  const isEnd = (line: string) => line.search(/\S/) === indentation && !isContinued(line)
  const length = count ?? lines.slice(start + 1).findIndex(isEnd) + 2
  const text = lines.slice(start, start + length).map((line) => line.slice(indentation))
  return { line: start + 1, text: text.join('\n') }
}

/** Whether a line ends the arguments of a function and begins its body. */
function isContinued(line: string): boolean {
  return /^\s*\).*\{$/.test(line)
}

/** The lines, and the whole file. */
interface Found {
  readonly lines: Omit<Lines, 'href'>
  readonly source: string
  readonly isPlugins: boolean
}

/**
 * `null` where the file does not exist, or has been changed so that the lines are not found: the lesson is then shown
 * without them.
 */
function find(excerpt: Excerpt): Found | null {
  const [folder, ...rest] = excerpt.path.split('/')
  const file = rest.join('/')
  const isPlugins = folder === 'plugin'
  try {
    const source = readFileSync(join(isPlugins ? pluginFolder : serverFolder, file), 'utf8')
    const path = `${isPlugins ? folder : basename(serverFolder)}/${file}`
    return { lines: { path, ...linesOf(excerpt, source) }, source, isPlugins }
  } catch {
    return null
  }
}

/**
 * The lines of server code that the lessons show, and the files that they link to, and no other file. In production
 * only the plugin's files are served as a whole: this server may have become a product whose code is not public.
 */
export const pageSourcesRoutes: FastifyPluginAsyncTypebox<Pick<Services, 'config'>> = async function pageSources(
  app,
  { config }
) {
  const sources = new Map<string, string>()
  const lines: Record<string, Lines> = {}
  for (const [name, excerpt] of Object.entries(excerpts)) {
    const found = find(excerpt)
    if (found === null) continue
    const href = found.isPlugins || !config.production ? `/page/source/${found.lines.path}` : null
    lines[name] = { ...found.lines, href }
    if (href !== null) sources.set(href, found.source)
  }

  app.get('/page/sources.json', { schema: { hide: true } }, async (_request, reply) => {
    return await reply.header('cache-control', 'no-cache').send(lines)
  })
  for (const [href, source] of sources) {
    app.get(href, { schema: { hide: true } }, async (_request, reply) => {
      return await reply.type('text/plain; charset=utf-8').header('cache-control', 'no-cache').send(source)
    })
  }
}
