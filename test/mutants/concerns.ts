import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import ts from 'typescript'

/** The part of the plugin that quick tests are about: these stores need a database or other processes. */
export function isInScope (file: string): boolean {
  return file.startsWith('plugin/') && file.endsWith('.ts') && !/^plugin\/stores\/(sqlite|redis|postgres|contract)\b/.test(file)
}

const tokens = ['tokens', 'attacks/forged-tokens', 'attacks/vectors', 'keys', 'key-rotation', 'trusted-issuers']
const http = ['protect', 'replies', 'credentials', 'several-cookies', 'sign-out', 'cross-site', 'rotation', 'sessions/sessions', 'trusted-issuers']
const sessions = ['sessions/sessions', 'rotation', 'sessions/revocations', 'sessions/refresh', 'sessions/timed-store', 'flows/sessions', 'replies']

/** Below these paths, the tests that are to notice a mistake, the likeliest first. All that fit a file count. */
export const concerns: Readonly<Record<string, readonly string[]>> = {
  'plugin/errors.ts': ['replies'],
  'plugin/deadline.ts': ['sessions/timed-store', 'key-rotation'],
  'plugin/options.ts': ['options', 'tokens'],
  'plugin/settings.ts': ['options', 'keys', 'tokens', 'trusted-issuers', 'rotation', 'cross-site', 'replies'],
  'plugin/index.ts': ['options', 'protect', 'replies', 'reach', 'late-import', 'key-rotation', 'sessions/sessions', 'rotation'],
  'plugin/tokens/encoded-length.ts': ['replies'],
  'plugin/tokens/own-token.ts': ['tokens', 'sign-out'],
  'plugin/tokens/jwt.ts': ['encoded-length'],
  'plugin/tokens/key.ts': ['keys', 'roca'],
  'plugin/tokens/primes.ts': ['roca', 'keys'],
  'plugin/tokens/rsa.ts': ['keys', 'roca'],
  'plugin/tokens/refresh-token.ts': ['rotation', 'replies'],
  'plugin/tokens/remote-keys.ts': ['trusted-issuers'],
  'plugin/tokens/trusted-issuer.ts': ['trusted-issuers'],
  'plugin/tokens/key-source.ts': ['key-rotation'],
  'plugin/tokens/': tokens,
  'plugin/http/openapi.ts': ['document'],
  'plugin/http/authenticate.ts': ['tokens', 'upgrades', 'sessions/revocations'],
  'plugin/http/declarations.ts': ['protect', 'document', 'reach'],
  'plugin/http/protect.ts': ['protect', 'upgrades', 'reach'],
  'plugin/http/jwks.ts': ['keys', 'key-rotation'],
  'plugin/http/refresh.ts': ['rotation', 'credentials', 'several-cookies', 'cookie-size', 'raw-responses', 'sessions/refresh'],
  'plugin/http/sign-out.ts': ['sign-out', 'replies', 'raw-responses'],
  'plugin/http/sign-in.ts': ['replies', 'raw-responses', 'cookie-size'],
  'plugin/http/outgoing.ts': ['replies', 'raw-responses'],
  'plugin/http/cookie-scopes.ts': ['several-cookies'],
  'plugin/http/access-cookies.ts': ['several-cookies', 'credentials'],
  'plugin/http/session-cookies.ts': ['several-cookies', 'sign-out', 'credentials'],
  'plugin/http/named-session.ts': ['sign-out', 'flows/sessions'],
  'plugin/http/cookies.ts': ['options', 'replies', 'cookie-size'],
  'plugin/http/': http,
  'plugin/sessions/': sessions,
  'plugin/stores/memory': ['stores', 'stores/contract', 'rotation', 'sessions/sessions', 'sessions/revocations'],
  'plugin/stores/session-store.ts': ['stores/contract', 'rotation', 'sessions/sessions']
}

export const testFile = (name: string): string => `test/${name}.test.ts`

/** The test files that are to notice a mistake in `file`, in the order in which to run them. */
export function testsOf (root: string, file: string): string[] {
  const mirrors = [file.replace(/^plugin\/(.*)\.ts$/, '$1'), basename(file, '.ts')].filter((name) => existsSync(join(root, testFile(name))))
  const listed = Object.entries(concerns).filter(([path]) => file.startsWith(path)).flatMap(([, names]) => names)
  const found = [...new Set([...mirrors, ...listed])].map(testFile)
  return listed.length > 0 ? found : [...new Set([...found, ...importersOf(root, file)])]
}

/** What a quick test does not need: a process, a database, a browser, another program. */
const slow = /^(node:child_process|pg|ioredis|redis|playwright-core|@photostructure\/sqlite)$|^example-server\//

/** The quick tests that import `file`, also through other files. */
function importersOf (root: string, file: string): string[] {
  const tests = ts.sys.readDirectory(join(root, 'test'), ['.test.ts']).map((path) => path.slice(root.length + 1))
  return tests.filter((test) => {
    const reached = reachedFrom(root, test)
    return reached.has(file) && ![...reached].some((one) => slow.test(one))
  })
}

function reachedFrom (root: string, file: string, reached = new Set<string>()): Set<string> {
  if (reached.has(file)) return reached
  reached.add(file)
  if (!existsSync(join(root, file))) return reached
  for (const { fileName } of ts.preProcessFile(readFileSync(join(root, file), 'utf8')).importedFiles) {
    reachedFrom(root, fileName.startsWith('.') ? join(dirname(file), fileName) : fileName, reached)
  }
  return reached
}
