import type { Driver } from './driver.ts'
import { script } from './lua.ts'

/** By INFO, because managed servers often forbid CONFIG. */
const evictionPolicy = script(`
  return string.match(redis.call('INFO', 'memory'), 'maxmemory_policy:([%w-]+)') or ''`)

/** Asks once; by the process' warnings, because a store has no logger. */
export function warnOfEviction({ evaluate }: Driver): () => void {
  let asked = false

  async function ask(): Promise<void> {
    const policy = String(await evaluate(evictionPolicy, { keys: [] }))
    if (policy === '' || policy === 'noeviction') return
    process.emitWarning(
      `Redis may evict sessions and revocations: its maxmemory-policy is ${policy}. Set it to noeviction`,
      {
        code: 'FASTIFY_AUTHENTICATE_REDIS_EVICTION'
      }
    )
  }

  return () => {
    if (asked) return
    asked = true
    ask().catch(() => {})
  }
}
