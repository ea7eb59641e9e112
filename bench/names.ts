import type { Algorithm } from './algorithms.ts'

type Source = 'header' | 'cookie'

/** Names of rows that goals and charts look up. */
export const names = {
  routeSeen: (alg: Algorithm, source: Source) => `${alg}, ${source}, seen before`,
  routeUnseen: (alg: Algorithm, source: Source) => `${alg}, ${source}, not seen before`,
  routeAgainst: (peer: string, source: Source) => `HS256, ${source}, seen before, against ${peer}`,
  routeUnseenAgainst: (peer: string) => `HS256, header, not seen before, against ${peer}`,
  unseenAgainstFastJwt: (alg: Algorithm) => `${alg}, not seen before, against fast-jwt`
}
