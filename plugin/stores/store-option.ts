import { optionError } from '../options/option-error.ts'
import type { SessionStore } from './session-store.ts'

export interface StoreOption {
  /**
   * Where sessions are kept: `sqliteStore()`, `redisStore()`, `postgresStore()` or a {@link SessionStore} of your own.
   * Default: a memory store, whose sessions end with the process; in production it logs a warning.
   */
  readonly store?: SessionStore | undefined
}

/**
 * The memory store is loaded only without the option.
 * @throws TypeError for anything but a store: a wrong value must not fall back to the memory store
 */
export async function resolveStore(
  { store }: StoreOption,
  { clock, log }: { clock: () => number; log: { warn(message: string): void } }
): Promise<SessionStore> {
  if (store === undefined) {
    if (process.env.NODE_ENV === 'production') {
      log.warn(
        'fastify-authenticate keeps sessions in memory: they end with this process, and other processes do not know ' +
          'them. Set the option "store"'
      )
    }
    const { memoryStore } = await import('./memory.ts')
    return memoryStore({ clock })
  }
  if (typeof store?.rotate !== 'function') {
    throw optionError('store', 'must be a SessionStore, such as postgresStore(pool)')
  }
  return store
}
