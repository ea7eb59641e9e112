import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FastifyPluginAsync } from 'fastify'

/** Contains `example-server/` and `plugin/`. */
const root = join(import.meta.dirname, '../..')

interface Excerpt {
  readonly path: string
  /** How its first line starts, without indentation. It ends at the next line with the same indentation. */
  readonly from: string
  /** How many lines it has, if it ends elsewhere. */
  readonly lines?: number
}

/** The lines that lessons show, by the names that the lessons use. */
export const excerpts: Readonly<Record<string, Excerpt>> = {
  'check-password': { path: 'example-server/routes/login.ts', from: 'async function identify(' },
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
  /** Number of the first line. */
  readonly line: number
  readonly text: string
}

/**
 * @returns the lines as they are in the file, without their common indentation
 * @throws Error if no line, or more than one, starts like this
 */
export function linesOf({ path, from, lines: count }: Excerpt, source: string): Lines {
  const lines = source.split('\n')
  const starts = lines.flatMap((line, index) => (line.trimStart().startsWith(from) ? [index] : []))
  const [start] = starts
  if (start === undefined || starts.length > 1) {
    throw new Error(`${path} must have one line that starts with "${from}": it has ${starts.length}`)
  }
  const indentation = lines[start]!.search(/\S/)
  const isEnd = (line: string) => line.search(/\S/) === indentation && !isContinued(line)
  const length = count ?? lines.slice(start + 1).findIndex(isEnd) + 2
  return {
    path,
    line: start + 1,
    text: lines
      .slice(start, start + length)
      .map((line) => line.slice(indentation))
      .join('\n')
  }
}

/** Whether a line ends the arguments of a function and begins its body. */
function isContinued(line: string): boolean {
  return /^\s*\).*\{$/.test(line)
}

/** A file that is not there, as in an image without the sources, is left out. */
function read(path: string): string | null {
  try {
    return readFileSync(join(root, path), 'utf8')
  } catch {
    return null
  }
}

function readExcerpts(): Record<string, Lines> {
  const found: Record<string, Lines> = {}
  for (const [name, excerpt] of Object.entries(excerpts)) {
    const source = read(excerpt.path)
    if (source !== null) found[name] = linesOf(excerpt, source)
  }
  return found
}

/** The lines of server code that the lessons show, and the files that they link to, and no other file. */
export const pageSourcesRoutes: FastifyPluginAsync = async function pageSources(app) {
  const lines = readExcerpts()
  const paths = new Set(Object.values(lines).map(({ path }) => path))

  app.get('/page/sources', { schema: { hide: true } }, async (_request, reply) => {
    return reply.header('cache-control', 'no-cache').send(lines)
  })
  for (const path of paths) {
    app.get(`/page/source/${path}`, { schema: { hide: true } }, async (_request, reply) => {
      return reply.type('text/plain; charset=utf-8').header('cache-control', 'no-cache').send(read(path))
    })
  }
}
