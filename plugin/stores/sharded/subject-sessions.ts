import { maxBatch, type RevokedSession, type SessionRow, type SessionStore, type Subject } from '../session-store.ts'
import { settledAll } from './settled.ts'
import type { Shard } from './shard.ts'
import type { ShardSets } from './shard-sets.ts'

type RevokeAllOptions = Parameters<SessionStore['revokeAll']>[1]
type TrimOptions = Parameters<SessionStore['trim']>[1]

/**
 * The sessions of a subject on all shards that may have some: its shard in each set. Most subjects have one shard, and
 * then a call is a call of that shard's store.
 */
export class SubjectSessions {
  readonly #sets: ShardSets

  constructor(sets: ShardSets) {
    this.#sets = sets
  }

  async list(subject: Subject, { limit }: { readonly limit: number }) {
    const lists = await settledAll(this.#sets.all(subject.sub).map((shard) => shard.list(subject, { limit })))
    const { storeTime } = lists[0]!
    if (lists.length === 1) return lists[0]!
    const rows = mostRecent(
      lists.flatMap((list) => list.rows),
      limit
    )
    return { rows: rows.sort((a, b) => a.createdAt - b.createdAt), storeTime }
  }

  /**
   * Ends the sessions and remembers the time on every shard. If one is down, the call fails, and those of the others
   * are ended nevertheless: their next `trim()` logs what is left.
   */
  async revokeAll(subject: Subject, options: RevokeAllOptions) {
    return merged(await settledAll(this.#sets.all(subject.sub).map((shard) => shard.revokeAll(subject, options))))
  }

  async trim(subject: Subject, options: TrimOptions) {
    const shards = this.#sets.all(subject.sub)
    const trimmed = merged(await settledAll(shards.map((shard) => shard.trim(subject, options))))
    if (trimmed.more || shards.length === 1) return trimmed
    const evicted = await this.evict(subject, { ...options, shards })
    return { ...trimmed, revoked: [...trimmed.revoked, ...evicted.revoked], more: evicted.more }
  }

  /** Revokes the least recently rotated sessions beyond `maxSessions`, at most a batch of them. */
  async evict(subject: Subject, { maxSessions, lifetimeSeconds, shards }: TrimOptions & { shards: readonly Shard[] }) {
    if (maxSessions === Infinity) return { revoked: [], more: false }
    const listed = await settledAll(shards.map((shard) => listWith(shard, { subject, limit: maxSessions })))
    const sessions = listed
      .flat()
      .sort(({ row: a }, { row: b }) => b.rotatedAt - a.rotatedAt || b.createdAt - a.createdAt)
    const excess = sessions.slice(maxSessions)
    const batch = excess.slice(-maxBatch)
    const results = await settledAll(batch.map(({ shard, row }) => shard.revoke(row.id, { lifetimeSeconds })))
    return {
      revoked: results.flatMap(({ revoked }) => (revoked === null ? [] : [revoked])),
      more: excess.length > batch.length
    }
  }
}

async function listWith(shard: Shard, { subject, limit }: { subject: Subject; limit: number }) {
  const { rows } = await shard.list(subject, { limit })
  return rows.map((row) => ({ shard, row }))
}

function mostRecent(rows: readonly SessionRow[], limit: number): SessionRow[] {
  return [...rows].sort((a, b) => b.rotatedAt - a.rotatedAt).slice(0, limit)
}

interface Revoked {
  readonly revoked: readonly RevokedSession[]
  readonly more: boolean
  readonly storeTime: number
}

/** The time is that of the first: the shard of new sessions. */
function merged(results: readonly Revoked[]): Revoked {
  return {
    revoked: results.flatMap(({ revoked }) => revoked),
    more: results.some(({ more }) => more),
    storeTime: results[0]!.storeTime
  }
}
