import { algorithms } from './algorithms.ts'
import { comparePairs, type NamedComparison, type Pair } from './comparison.ts'
import type { Effort } from './effort.ts'
import { startMicro, type Micro } from './micro.ts'
import { names } from './names.ts'
import { audience, issuer, keyOf, signMany, secret } from './tokens.ts'

const users = 100

/** Compares `request.authenticate()` with the bare verifier, and the verifier with the bare cryptography. */
export async function measureVerification(effort: Effort): Promise<NamedComparison[]> {
  const started: Micro[] = []
  const pairs: Pair[] = []
  try {
    for (const alg of algorithms) {
      const input = {
        alg,
        issuer,
        audience,
        secret,
        key: keyOf(alg),
        cacheSize: effort.coldCacheSize,
        seen: signMany(alg, users),
        unseen: signMany(alg, Math.ceil(effort.coldCacheSize * 1.2))
      }
      const micro = await startMicro('verification.js', { input })
      started.push(micro)
      const seen = await micro.workload('seen', effort)
      const unseen = await micro.workload('unseen', effort)
      const fastJwt = await micro.workload('fast-jwt', effort)
      const crypto = await micro.workload('crypto', effort)
      pairs.push(
        { name: names.unseenAgainstFastJwt(alg), subject: unseen, reference: fastJwt },
        { name: `${alg}, not seen before, against node:crypto`, subject: unseen, reference: crypto },
        { name: `${alg}, seen before, against fast-jwt`, subject: seen, reference: fastJwt },
        { name: `${alg}, fast-jwt against node:crypto`, subject: fastJwt, reference: crypto }
      )
    }
    return await comparePairs(pairs, effort)
  } finally {
    for (const micro of started) await micro.stop()
  }
}
