import type { SessionStore } from '../stores/session-store.ts'

const sweepMs = 10 * 60_000

/** Removes expired sessions from the store, every ten minutes. */
export class Sweeper {
  readonly #timer: NodeJS.Timeout

  constructor({
    store,
    log
  }: {
    store: Pick<SessionStore, 'sweep'>
    log: { warn(error: unknown, message: string): void }
  }) {
    this.#timer = setInterval(async () => {
      try {
        await store.sweep()
      } catch (error) {
        log.warn(error, 'sweep failed')
      }
    }, sweepMs).unref()
  }

  close(): void {
    clearInterval(this.#timer)
  }
}
