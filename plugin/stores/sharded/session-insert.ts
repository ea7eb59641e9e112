import {
  type InsertOptions,
  type InsertResult,
  type NewSession,
  type RevokedSession,
  type Subject
} from '../session-store.ts'
import type { Placement } from './placement.ts'
import { newSessionId } from './session-id.ts'
import { settledAll } from './settled.ts'
import type { Shard } from './shard.ts'
import type { ShardSets } from './shard-sets.ts'
import type { SubjectSessions } from './subject-sessions.ts'

export interface SessionInsertParts {
  readonly placement: Placement
  readonly sets: ShardSets
  readonly subjectSessions: SubjectSessions
}

/** What `insert()` has to do on one shard, or on several. */
interface Insertion {
  readonly session: NewSession
  readonly subject: Subject
  /** Where the session begins. */
  readonly shard: Shard
  /** The other shards that may keep sessions of the subject. */
  readonly others: readonly Shard[]
  readonly options: InsertOptions
}

/**
 * Starts a session on its shard, in one step with what it ends there. What it ends on other shards is ended **before**:
 * if this process ends in between, the former session is over and the new one has not begun. A sign-in that will be
 * refused ends nothing.
 */
export function createSessionInsert({ placement, sets, subjectSessions }: SessionInsertParts) {
  return async function insert(session: NewSession, options: InsertOptions): Promise<InsertResult> {
    const shard = placement.shardOf(session.id)
    const all: readonly Shard[] = sets.all(session.sub)
    if (shard === null || !all.includes(shard)) {
      throw new Error('Cannot insert the session: its id must be made by newId(), with the subject of the session')
    }
    const insertion: Insertion = {
      session,
      subject: { issuers: options.issuers, sub: session.sub },
      shard,
      others: all.filter((other) => other !== shard),
      options
    }
    const elsewhere = options.revoke.filter((id) => placement.shardOf(id) !== shard)
    const endsElsewhere = elsewhere.length > 0 || (options.revokeOthers === true && insertion.others.length > 0)
    const refused = endsElsewhere ? await refusalOf(insertion) : null
    if (refused !== null) return refused
    const revoked = await endElsewhere(insertion, elsewhere)
    // The shard ignores the ids of sessions that it does not have.
    const inserted = await shard.insert(session, options)
    if (inserted.row === null) return inserted
    const evicted = options.revokeOthers ? { revoked: [], more: false } : await evictElsewhere(insertion)
    return {
      ...inserted,
      revoked: [...revoked.sessions, ...inserted.revoked],
      evicted: [...inserted.evicted, ...evicted.revoked],
      more: inserted.more || revoked.more || evicted.more
    }
  }

  async function endElsewhere({ subject, others, options }: Insertion, ids: readonly string[]) {
    const { lifetimeSeconds } = options
    const named = await settledAll([...new Set(ids)].map((id) => end(id, lifetimeSeconds)))
    const all = options.revokeOthers
      ? await settledAll(others.map((other) => other.revokeAll(subject, { lifetimeSeconds })))
      : []
    return {
      sessions: [...named.flat(), ...all.flatMap(({ revoked }) => revoked)],
      more: all.some(({ more }) => more)
    }
  }

  /** Only what this call revokes: `revoke()` itself returns a session that was revoked before, too. */
  async function end(id: string, lifetimeSeconds: number): Promise<readonly RevokedSession[]> {
    const shard = placement.shardOf(id)
    if (shard === null) return []
    const { row } = await shard.find(id)
    if (row === null || row.revokedAt !== null) return []
    const { revoked } = await shard.revoke(id, { lifetimeSeconds })
    return revoked === null ? [] : [revoked]
  }

  /**
   * The sign-in succeeds even if more sessions than allowed are left: `trim()` continues when all shards respond.
   */
  async function evictElsewhere({ subject, shard, others, options }: Insertion) {
    try {
      const lists = await settledAll(others.map((other) => other.list(subject, { limit: 1 })))
      if (lists.every(({ rows }) => rows.length === 0)) return { revoked: [], more: false }
      return await subjectSessions.evict(subject, { ...options, shards: [shard, ...others] })
    } catch {
      return { revoked: [], more: true }
    }
  }
}

/**
 * What `insert()` would return if the shard refuses the credential, else `null`. Only `insert()` knows: this inserts a
 * session that has expired already, and that nobody has a token of.
 */
async function refusalOf({ session, shard, options }: Insertion): Promise<InsertResult | null> {
  if (options.authenticatedAge === undefined) return null
  const probe = { ...session, id: newSessionId(shard.name), claims: {}, details: {}, idleMs: 0, absoluteMs: 0 }
  const probed = await shard.insert(probe, { ...options, revoke: [], revokeOthers: false, maxSessions: Infinity })
  return probed.row === null ? probed : null
}
