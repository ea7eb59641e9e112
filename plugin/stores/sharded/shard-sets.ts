import { createHash } from 'node:crypto'
import type { Shard } from './shard.ts'

/** Shards between which subjects are distributed, from a time on. */
export interface DatedSet {
  /** By this node's own clock. The first set has always begun. */
  readonly from: number
  readonly shards: readonly Shard[]
}

/**
 * Which shards keep a subject's sessions. A set decides alone, by the names of its shards: nodes agree in whatever
 * order they list them, and a shard that is added takes subjects from all others evenly (rendezvous hashing).
 */
export class ShardSets {
  readonly #sets: readonly DatedSet[]
  readonly #clock: () => number

  /** @param sets the oldest first; at least one */
  constructor(sets: readonly DatedSet[], clock: () => number) {
    this.#sets = sets
    this.#clock = clock
  }

  /** The shard for new sessions of a subject: its shard in the newest set that has begun. */
  current(sub: string): Shard {
    const now = this.#clock()
    return pick(this.#sets.findLast(({ from }) => from <= now) ?? this.#sets[0]!, sub)
  }

  /**
   * Every shard that may keep sessions of a subject, that of new sessions first. Also those of sets that have not begun
   * here: clocks of nodes differ, and on another node they may have.
   */
  all(sub: string): readonly [Shard, ...Shard[]] {
    const current = this.current(sub)
    const others = new Set(this.#sets.map((set) => pick(set, sub)))
    others.delete(current)
    return [current, ...others]
  }

  /** The shard of sessions whose id names none: they were started when there was one store. */
  get shardOfPlainIds(): Shard {
    return this.#sets[0]!.shards[0]!
  }

  /** Whether all sessions were in one store once, so that {@link shardOfPlainIds} has those of every subject. */
  get beganWithOne(): boolean {
    return this.#sets[0]!.shards.length === 1
  }
}

function pick({ shards }: DatedSet, sub: string): Shard {
  const ranked = shards.map((shard) => ({ shard, rank: rankOf(shard.name, sub) }))
  return ranked.reduce((best, other) => (Buffer.compare(other.rank, best.rank) > 0 ? other : best)).shard
}

function rankOf(name: string, sub: string): Buffer {
  // A name contains no U+0000, so that no other pair has the same text.
  return createHash('sha256').update(`${name}\0${sub}`).digest()
}
