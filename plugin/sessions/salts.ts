import { createTokenCache } from '../tokens/token-cache.ts'

const remembered = 10_000

export type Salts = ReturnType<typeof createSalts>

/** The salts of sessions that this process has seen, by id: with it, a refresh is one round trip. */
export function createSalts () {
  return createTokenCache<string>(remembered)
}
