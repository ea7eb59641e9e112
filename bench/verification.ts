import { algorithms } from './algorithms.ts'
import { comparePairs, type Compared, type Pair } from './contestant.ts'
import type { Effort } from './effort.ts'
import { startMicro, type Micro } from './micro.ts'
import { names } from './names.ts'
import { audience, issuer, keyOf, mintMany, secret } from './tokens.ts'

const users = 100

/** `request.authenticate()` against the bare verifier, and the verifier against the bare cryptography: the limit. */
export async function measureVerification(effort: Effort): Promise<Compared[]> {
  const started: Micro[] = []
  const pairs: Pair[] = []
  try {
    for (const alg of algorithms) {
      const micro = await startMicro('verification.js', {
        alg,
        issuer,
        audience,
        secret,
        key: keyOf(alg),
        cacheSize: effort.coldCacheSize,
        seen: mintMany(alg, users),
        unseen: mintMany(alg, Math.ceil(effort.coldCacheSize * 1.2))
      })
      started.push(micro)
      const seen = await micro.contestant('seen', effort)
      const unseen = await micro.contestant('unseen', effort)
      const fastJwt = await micro.contestant('fast-jwt', effort)
      const crypto = await micro.contestant('crypto', effort)
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
