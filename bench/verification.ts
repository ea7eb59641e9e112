import { algorithms } from './algorithms.ts'
import { comparePairs, type NamedComparison, type Pair } from './comparison.ts'
import type { Effort } from './effort.ts'
import { startMicro, type Micro } from './micro.ts'
import { names } from './names.ts'
import { unseenTokens } from './route-stage.ts'
import { audience, issuer, keyOf, secret } from './tokens.ts'

/** Compares `request.authenticate()` with `@fastify/jwt`'s `request.jwtVerify()`, and with the bare cryptography. */
export async function measureVerification(effort: Effort): Promise<NamedComparison[]> {
  const started: Micro[] = []
  const pairs: Pair[] = []
  try {
    for (const alg of algorithms) {
      const tokens = unseenTokens(alg, effort)
      const input = { issuer, audience, secret, key: keyOf(alg), cacheSize: effort.coldCacheSize, tokens }
      const micro = await startMicro('verification.js', { input })
      started.push(micro)
      const subject = await micro.workload('authenticate', effort)
      const jwtVerify = await micro.workload('jwtVerify', effort)
      const crypto = await micro.workload('crypto', effort)
      pairs.push(
        { name: names.againstJwtVerify(alg), subject, reference: jwtVerify },
        { name: names.againstCrypto(alg), subject, reference: crypto }
      )
    }
    return await comparePairs(pairs, effort)
  } finally {
    for (const micro of started) await micro.stop()
  }
}
