import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import ts from 'typescript'
import { resolveImport } from '../fixtures/self-reference.ts'

/** The part of the plugin that quick tests cover: these stores need a database or other processes. */
export function isInScope(file: string): boolean {
  return (
    file.startsWith('plugin/') &&
    file.endsWith('.ts') &&
    !/^plugin\/stores\/(sqlite|redis|postgres|contract|call-timeout)\b/.test(file)
  )
}

const tokens = [
  'tokens/access-tokens',
  'tokens/access-token',
  'tokens/claims',
  'tokens/freshness',
  'tokens/header',
  'tokens/jws',
  'tokens/app-claims',
  'tokens/prepared-token',
  'attacks/forged-tokens',
  'attacks/vectors',
  'tokens/key',
  'tokens/keyring',
  'tokens/secret',
  'tokens/key-source',
  'tokens/trusted-issuer',
  'tokens/rights'
]
const http = [
  'http/protect',
  'http/authenticate',
  'http/sign-in',
  'http/credentials',
  'http/cookie-authentication',
  'http/session-cookies',
  'http/sign-out',
  'http/cross-site',
  'sessions/refresh',
  'sessions/sessions',
  'tokens/trusted-issuer'
]
const sessions = [
  'sessions/refresh',
  'sessions/refreshed-claims',
  'sessions/own-issuers',
  'sessions/rotation',
  'sessions/sessions',
  'sessions/session-start',
  'sessions/session-id',
  'sessions/session-limits',
  'sessions/session-details',
  'sessions/token-issuer',
  'sessions/revocations',
  'sessions/pending-revocations',
  'sessions/revocation-follower',
  'sessions/revocation-reads',
  'sessions/trimmer',
  'sessions/timed-store',
  'sessions/store-clock',
  'sessions/store-start',
  'flows/sessions',
  'http/sign-in',
  'http/sign-out'
]

/** For each path, the tests that should notice a mistake below it, the likeliest first. All matching paths count. */
export const concerns: Readonly<Record<string, readonly string[]>> = {
  'plugin/errors.ts': ['errors', 'http/challenge'],
  'plugin/events.ts': ['events'],
  'plugin/mcp.ts': ['mcp'],
  'plugin/testing.ts': ['testing', 'testing/spoilt-token'],
  'plugin/testing/': ['testing', 'testing/issuer', 'testing/mistakes', 'testing/spoilt-token'],
  'plugin/http/test-kit.ts': ['testing'],
  'plugin/slices.ts': ['slices', 'stores/memory'],
  'plugin/timeout.ts': ['sessions/timed-store', 'tokens/key-source'],
  'plugin/arguments.ts': ['http/protect', 'sessions/session-api', 'sessions/access-token-api', 'http/sign-in'],
  'plugin/options/': [
    'options/options',
    'options/shape',
    'tokens/key',
    'tokens/secret',
    'tokens/keyring',
    'tokens/claims',
    'tokens/header',
    'tokens/trusted-issuer',
    'sessions/refresh',
    'http/cross-site',
    'http/sign-in',
    'http/resource-metadata',
    'http/issuer-metadata'
  ],
  'plugin/options/safe-url.ts': ['options/resources', 'http/issuer-metadata', 'http/protected-resources'],
  'plugin/options/trusted-origins.ts': ['options/trusted-origins', 'options/shape', 'http/cross-site'],
  'plugin/index.ts': [
    'options/options',
    'options/shape',
    'http/protect',
    'http/authenticate',
    'http/sign-in',
    'http/reach',
    'http/route-registry',
    'tokens/key-source',
    'sessions/sessions',
    'sessions/refresh'
  ],
  'plugin/tokens/requirement-check.ts': [
    'http/authenticate',
    'tokens/freshness',
    'tokens/issuer-lookup',
    'tokens/trusted-issuer'
  ],
  'plugin/tokens/requirements.ts': ['http/protect', 'http/authenticate', 'tokens/freshness'],
  'plugin/tokens/claims.ts': ['sessions/access-token-api', 'sessions/authentication'],
  'plugin/tokens/encoded-length.ts': ['http/sign-in'],
  'plugin/tokens/access-tokens.ts': [
    'tokens/access-tokens',
    'tokens/trusted-issuer',
    'tokens/key-source',
    'tokens/issuer-lookup',
    'http/cookie-authentication',
    'http/sign-out',
    'sessions/access-token-api'
  ],
  'plugin/tokens/local-verifier.ts': ['tokens/access-tokens', 'tokens/header', 'tokens/jws', 'http/sign-out'],
  'plugin/tokens/unknown-kid.ts': ['tokens/key-source', 'tokens/access-tokens'],
  'plugin/tokens/signer.ts': ['tokens/signer', 'tokens/encoded-length', 'flows/lazy-imports'],
  'plugin/tokens/verifier.ts': ['tokens/verifier', 'attacks/forged-tokens'],
  'plugin/tokens/unverified-token.ts': ['tokens/unverified-token', 'http/one-pass'],
  'plugin/tokens/key.ts': ['tokens/key', 'tokens/secret', 'tokens/keyring'],
  'plugin/tokens/key-material.ts': ['tokens/key-material', 'tokens/pem', 'tokens/key', 'tokens/secret'],
  'plugin/tokens/asymmetric-key.ts': ['tokens/key', 'tokens/ed25519'],
  'plugin/tokens/jwk.ts': ['tokens/key'],
  'plugin/tokens/secret.ts': ['tokens/secret', 'tokens/key'],
  'plugin/tokens/ed25519.ts': ['tokens/ed25519', 'tokens/key'],
  'plugin/tokens/claims-schema-check.ts': ['tokens/claims-schema-check'],
  'plugin/tokens/unsatisfiable-schema.ts': ['tokens/unsatisfiable-schema'],
  'plugin/tokens/mismatch.ts': ['tokens/mismatch'],
  'plugin/tokens/pem.ts': ['tokens/pem'],
  'plugin/tokens/audience.ts': ['sessions/access-token-api'],
  'plugin/tokens/primes.ts': ['tokens/roca', 'tokens/key'],
  'plugin/tokens/rsa.ts': ['tokens/key', 'tokens/roca'],
  'plugin/tokens/random-id.ts': ['tokens/random-id'],
  'plugin/tokens/refresh-token.ts': ['tokens/refresh-token', 'http/refresh', 'sessions/refresh', 'http/sign-out'],
  'plugin/tokens/issuer-lookup.ts': ['tokens/issuer-lookup'],
  'plugin/tokens/lru-map.ts': ['tokens/lru-map', 'tokens/issuer-lookup'],
  'plugin/tokens/call-limit.ts': ['tokens/call-limit', 'tokens/issuer-lookup'],
  'plugin/tokens/trusted-issuers.ts': ['tokens/trusted-issuer', 'tokens/issuer-lookup'],
  'plugin/tokens/key-set-loader.ts': ['tokens/key-set-loader', 'tokens/discovery'],
  'plugin/tokens/thrown.ts': ['tokens/key-set-loader', 'tokens/key-source', 'tokens/rights'],
  'plugin/tokens/remote-keys.ts': ['tokens/remote-keys', 'tokens/discovery'],
  'plugin/tokens/bounded-fetch.ts': ['tokens/key-set-loader', 'tokens/remote-keys', 'tokens/discovery'],
  'plugin/tokens/discovery.ts': ['tokens/discovery', 'tokens/trusted-issuer'],
  'plugin/tokens/trusted-issuer.ts': ['tokens/trusted-issuer', 'tokens/published-key', 'tokens/remote-keys'],
  'plugin/tokens/published-key.ts': ['tokens/published-key', 'tokens/trusted-issuer'],
  'plugin/tokens/rights.ts': ['tokens/rights', 'tokens/trusted-issuer'],
  'plugin/tokens/key-source.ts': ['tokens/key-source', 'http/jwks'],
  'plugin/tokens/clock-map.ts': ['tokens/clock-map'],
  'plugin/tokens/shared-values.ts': ['tokens/shared-values', 'tokens/access-token'],
  'plugin/tokens/flat-copy.ts': ['tokens/flat-copy'],
  'plugin/tokens/verified-tokens.ts': [
    'tokens/verified-tokens',
    'tokens/access-tokens',
    'tokens/key-source',
    'tokens/rights',
    'tokens/trusted-issuer'
  ],
  'plugin/tokens/': tokens,
  'plugin/http/openapi.ts': ['http/document'],
  'plugin/http/authenticate.ts': [
    'http/one-pass',
    'http/private-response',
    'http/cross-site',
    'http/cookie-authentication',
    'http/credentials',
    'http/protected-resources',
    'tokens/access-tokens',
    'flows/upgrades',
    'sessions/revocations'
  ],
  'plugin/http/cookie-authentication.ts': [
    'http/cookie-authentication',
    'http/renew',
    'http/session-cookies',
    'http/one-pass',
    'http/cross-site'
  ],
  'plugin/http/re': ['http/renew', 'http/session-cookies', 'http/cookies', 'http/response-state'],
  'plugin/http/route-registry.ts': ['http/protect', 'http/document', 'http/reach'],
  'plugin/http/protect.ts': ['http/protect', 'flows/upgrades', 'http/reach'],
  'plugin/http/protected-resources.ts': ['http/protected-resources', 'http/resource-metadata'],
  'plugin/http/open-document.ts': ['http/resource-metadata', 'http/issuer-metadata'],
  'plugin/http/resource-metadata.ts': ['http/resource-metadata'],
  'plugin/http/issuer-metadata.ts': ['http/issuer-metadata'],
  'plugin/http/jwks.ts': ['http/jwks', 'tokens/key-source'],
  'plugin/http/refresh.ts': [
    'sessions/refresh',
    'http/renew',
    'http/session-cookies',
    'http/cookies',
    'http/response-state',
    'sessions/refresh'
  ],
  'plugin/http/refusal-event.ts': ['http/sign-out', 'http/credentials', 'sessions/refresh'],
  'plugin/http/token-response.ts': ['http/sign-in', 'http/response-state'],
  'plugin/http/sign-out.ts': ['http/sign-out', 'http/response-state'],
  'plugin/http/sign-in.ts': ['http/sign-in', 'http/response-state', 'http/cookies'],
  'plugin/http/private-response.ts': ['http/private-response'],
  'plugin/http/response-state.ts': ['http/response-state', 'http/private-response', 'http/sign-in', 'flows/sessions'],
  'plugin/http/cookie-scopes.ts': ['http/session-cookies'],
  'plugin/http/access-cookies.ts': ['http/session-cookies', 'http/cookie-authentication'],
  'plugin/http/session-cookies.ts': [
    'http/session-cookies',
    'http/sign-out',
    'http/cookie-authentication',
    'http/refresh',
    'tokens/issuer-lookup'
  ],
  'plugin/http/request-sessions.ts': ['http/sign-out', 'flows/sessions'],
  'plugin/http/cookies.ts': ['options/shape', 'http/sign-in', 'http/cookies', 'http/session-cookies'],
  'plugin/http/credentials.ts': ['http/cookie-values', 'http/credentials', 'http/cookie-authentication'],
  'plugin/http/': http,
  'plugin/sessions/poll-pace.ts': ['sessions/poll-pace', 'sessions/revocation-reads'],
  'plugin/stores/push/': ['stores/push/message', 'stores/push/feed', 'stores/push/heartbeats'],
  'plugin/sessions/replaced-sessions.ts': ['sessions/replaced-sessions', 'flows/sessions'],
  'plugin/sessions/authentication.ts': ['sessions/authentication'],
  'plugin/sessions/': sessions,
  'plugin/stores/memory.ts': ['stores/factory-options'],
  'plugin/stores/memory': [
    'stores/memory',
    'stores/memory/owners',
    'stores/memory/session-table',
    'stores/memory/expiry-index',
    'stores/memory/numbered-items',
    'stores/memory/id-table',
    'stores/memory/parts',
    'stores/contract',
    'sessions/refresh',
    'sessions/sessions',
    'sessions/session-start',
    'sessions/trimmer',
    'sessions/revocations'
  ],
  'plugin/stores/sharded/options.ts': ['stores/sharded'],
  'plugin/stores/sharded': ['stores/sharded/store', 'stores/sharded/shard-clocks', 'stores/sharded', 'flows/shards'],
  'plugin/stores/postgres/batches.ts': ['stores/postgres/batches'],
  'plugin/stores/revocation.ts': ['stores/memory', 'stores/contract', 'sessions/sessions'],
  'plugin/stores/session-row.ts': ['sessions/rotation', 'stores/memory', 'stores/contract'],
  'plugin/stores/session-store.ts': ['stores/contract', 'sessions/refresh', 'sessions/sessions']
}

export const testFile = (name: string): string => `test/${name}.test.ts`

/** The test files that should notice a mistake in `file`, in the order in which to run them. */
export function testsOf(root: string, file: string): string[] {
  const mirrors = [file.replace(/^plugin\/(.*)\.ts$/, '$1'), basename(file, '.ts')].filter((name) =>
    existsSync(join(root, testFile(name)))
  )
  const listed = Object.entries(concerns)
    .filter(([path]) => file.startsWith(path))
    .flatMap(([, names]) => names)
  const found = [...new Set([...mirrors, ...listed])].map(testFile)
  return listed.length > 0 ? found : [...new Set([...found, ...importersOf(root, file)])]
}

/** Imports that a quick test does not have: of a process, a database, a browser or another program. */
const slow = /^(node:child_process|pg|ioredis|redis|playwright-core|@photostructure\/sqlite)$|^example-server\//

/** The quick tests that import `file`, directly or through other files. */
function importersOf(root: string, file: string): string[] {
  const tests = ts.sys
    .readDirectory(join(root, 'test'), ['.test.ts'], ['**/node_modules'])
    .map((path) => path.slice(root.length + 1))
  return tests.filter((test) => {
    const reached = reachedFrom(root, test)
    return reached.has(file) && ![...reached].some((one) => slow.test(one))
  })
}

function reachedFrom(root: string, file: string, reached = new Set<string>()): Set<string> {
  if (reached.has(file)) return reached
  reached.add(file)
  if (!existsSync(join(root, file))) return reached
  for (const { fileName } of ts.preProcessFile(readFileSync(join(root, file), 'utf8')).importedFiles) {
    reachedFrom(root, resolveImport(fileName, file), reached)
  }
  return reached
}
