import { withTimeout } from '../../timeout.ts'
import { callTimeoutMs } from '../call-timeout.ts'
import type { RevocationPage } from '../session-store.ts'
import type { Shard } from './shard.ts'

/** How long a read waits for a shard that failed last time. The logs of the others must not be late for it. */
const awayMs = 250

/** What a read needs to know. */
export interface ShardRead {
  readonly cursor: string | null
  readonly limit: number
}

/** Reads the log of one shard, which may be down. */
export class ShardLog {
  readonly shard: Shard
  #isAway = false
  #error: unknown = null

  constructor(shard: Shard) {
    this.shard = shard
  }

  /** Why the last read failed. */
  get error(): unknown {
    return this.#error
  }

  /** `null` if the log cannot be read now. Never rejects. */
  async read({ cursor, limit }: ShardRead): Promise<RevocationPage | null> {
    const ms = this.#isAway ? awayMs : callTimeoutMs
    const reading = this.shard.readRevocations(cursor, limit)
    reading.then(
      () => {
        this.#isAway = false
      },
      () => {}
    )
    try {
      return await withTimeout(() => reading, {
        ms,
        timeoutError: () => new Error(`shard "${this.shard.name}": no response within ${ms} ms`)
      })
    } catch (error) {
      this.#isAway = true
      this.#error = error
      return null
    }
  }
}
