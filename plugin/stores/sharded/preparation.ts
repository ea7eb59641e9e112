import { setTimeout } from 'node:timers/promises'
import { UnusableStoreError, type Timed } from '../session-store.ts'
import type { Shard } from './shard.ts'

/** How long the start waits for a shard while others are ready. */
const patienceMs = 2000
const againMs = 1000

/**
 * Prepares all shards. One that is down does not keep the others from starting: it is prepared as soon as it responds.
 */
export class Preparation {
  readonly #shards: readonly Shard[]
  readonly #ready = new Set<Shard>()
  readonly #running = new Map<Shard, Promise<void>>()
  readonly #repeated = new Set<Shard>()
  readonly #closing = new AbortController()
  readonly #wait: typeof wait

  /** @param pause resolves after so many milliseconds, or when the signal is aborted. Tests replace it */
  constructor(shards: readonly Shard[], pause = wait) {
    this.#shards = shards
    this.#wait = pause
  }

  /**
   * Resolves when all shards are ready, or some are and the others have had their time.
   * @throws UnusableStoreError if one shard cannot work until its configuration changes; another error only if no shard
   * is ready
   */
  async prepare(): Promise<Timed> {
    const attempts = this.#missing().map((shard) => this.#attempt(shard))
    await Promise.race([Promise.all(attempts.map((attempt) => attempt.catch(throwUnusable))), this.#patience()])
    if (this.#ready.size === 0) await attempts[0]
    for (const shard of this.#missing()) void this.#repeat(shard)
    // Not what the attempts returned: the common clock may have become known since.
    return await Promise.any([...this.#ready].map((shard) => shard.find('')))
  }

  close(): void {
    this.#closing.abort()
  }

  #missing(): Shard[] {
    return this.#shards.filter((shard) => !this.#ready.has(shard))
  }

  /** Concurrent attempts for a shard are one. */
  #attempt(shard: Shard): Promise<void> {
    const running = this.#running.get(shard) ?? this.#run(shard).finally(() => this.#running.delete(shard))
    this.#running.set(shard, running)
    return running
  }

  async #run(shard: Shard): Promise<void> {
    await shard.prepare()
    this.#ready.add(shard)
  }

  async #repeat(shard: Shard): Promise<void> {
    if (this.#repeated.has(shard)) return
    this.#repeated.add(shard)
    while (!this.#ready.has(shard) && !this.#closing.signal.aborted) {
      try {
        await this.#attempt(shard)
      } catch (error) {
        if (error instanceof UnusableStoreError) return process.emitWarning(error.message)
        await this.#pause(againMs)
      }
    }
  }

  async #patience(): Promise<void> {
    await this.#pause(patienceMs)
    while (this.#ready.size === 0 && !this.#closing.signal.aborted) await this.#pause(patienceMs / 10)
  }

  async #pause(ms: number): Promise<void> {
    await this.#wait(ms, this.#closing.signal)
  }
}

async function wait(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { ref: false, signal }).catch(() => {})
}

function throwUnusable(error: unknown): void {
  if (error instanceof UnusableStoreError) throw error
}
