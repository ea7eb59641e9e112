import type { Algorithm } from './algorithms.ts'

type Source = 'header' | 'cookie'

/** Names of rows that goals, the summary and the chart look up. */
export const names = {
  noOpHook: 'a hook that does nothing',
  leastHook: (source: Source) => `the least hook, ${source}`,
  seen: (alg: Algorithm, source: Source) => `${alg}, ${source}, seen before`,
  seenTokens: (alg: Algorithm, { source, tokens }: { readonly source: Source; readonly tokens: number }) =>
    `${alg}, ${source}, ${tokens === 1 ? 'one token' : `${tokens.toLocaleString('en')} tokens in turn`}`,
  unseen: (alg: Algorithm) => `${alg}, header, not seen before`,
  peer: { cached: '@fastify/jwt, with cache', uncached: '@fastify/jwt' },
  against: (peer: string) => `HS256, header, seen before, against ${peer}`,
  againstJwtVerify: (alg: Algorithm) => `${alg}, not seen before, against jwtVerify()`,
  againstCrypto: (alg: Algorithm) => `${alg}, not seen before, against node:crypto`
}
