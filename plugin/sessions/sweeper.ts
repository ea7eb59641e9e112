import type { SessionStore } from '../stores/session-store.ts'

const sweepMs = 10 * 60_000

/** Removes expired sessions from the store, every ten minutes. */
export class Sweeper {
  readonly #timer: NodeJS.Timeout
  #isSweeping = false

  constructor({
    store,
    log
  }: {
    store: Pick<SessionStore, 'sweep'>
    log: { warn(error: unknown, message: string): void }
  }) {
    this.#timer = setInterval(async () => {
      // Much to remove, on a slow disk: a second run would only be in the way of the first.
      if (this.#isSweeping) return
      this.#isSweeping = true
      try {
        await store.sweep()
      } catch (error) {
        log.warn(error, 'sweep failed')
      } finally {
        this.#isSweeping = false
      }
    }, sweepMs).unref()
  }

  close(): void {
    clearInterval(this.#timer)
  }
}
