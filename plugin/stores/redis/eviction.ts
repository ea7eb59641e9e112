import type { Driver } from './driver.ts'
import { script } from './scripts/script.ts'

/** Reads it by INFO, because managed servers often forbid CONFIG. */
const evictionPolicy = script(`
  return string.match(redis.call('INFO', 'memory'), 'maxmemory_policy:([%w-]+)') or ''`)

/** Checks the policy once. Emits a process warning, because a store has no logger. */
export function warnOfEviction({ evaluate }: Driver): () => void {
  let checked = false

  async function check(): Promise<void> {
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
    if (checked) return
    checked = true
    check().catch(() => {})
  }
}
