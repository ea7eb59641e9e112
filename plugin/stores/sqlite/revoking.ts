import { maxBatch, revokeAllRememberedMs, revokedUntil } from '../session-store.ts'
import type { RevokedSession } from '../session-store.ts'
import type { RevocationLog } from './revocation-log.ts'
import { toNumber, toRow } from './rows.ts'
import type { KeptRow, SubjectBindings } from './rows.ts'
import type { Statements } from './statements.ts'

/** The store's time, and how long access tokens live. */
interface Moment {
  readonly now: number
  readonly lifetimeSeconds: number
}

type EvictOptions = Moment & { readonly maxSessions: number; readonly atMost: number }
/** The entry in the log lasts at least until `atLeast`. */
type RevokeOptions = Moment & { readonly atLeast?: number }

interface Batch {
  readonly revoked: readonly RevokedSession[]
  readonly more: boolean
}

/** Revokes sessions one by one, or by the subject's counter. Its methods run inside a transaction. */
export function createRevoking(statements: Statements, log: RevocationLog) {
  function revoke({ row }: KeptRow, { now, lifetimeSeconds, atLeast = 0 }: RevokeOptions): RevokedSession {
    const { id, sub } = row
    const until = Math.max(revokedUntil(row, { revokedAt: now, lifetimeSeconds }), atLeast)
    statements.revoke.run({ id, revokedAt: row.revokedAt ?? now, until })
    log.append({ kind: 'session', id, until })
    return { id, sub, until }
  }

  const revokeRows = (rows: unknown[], moment: Moment) => rows.map((columns) => revoke(toRow(columns)!, moment))

  return {
    revoke,

    /** Revokes all sessions of the subject that exist, however many, except one. */
    raiseCounter(subject: SubjectBindings, { now, except }: { now: number; except?: string | undefined }): void {
      // A session that an earlier call has revoked stays revoked.
      const spares = except !== undefined && toNumber(statements.isCurrent.get({ ...subject, id: except })) !== null
      statements.raise.run({ ...subject, now, checkAt: now + revokeAllRememberedMs })
      if (spares) statements.spare.run({ id: except })
    },

    /** Logs a batch of the live sessions that are behind the counter. */
    logBehind(subject: SubjectBindings, moment: Moment): Batch {
      const rows = statements.behind.all({ ...subject, now: moment.now, limit: maxBatch + 1 })
      return { revoked: revokeRows(rows.slice(0, maxBatch), moment), more: rows.length > maxBatch }
    },

    /** Makes room for `maxSessions`, the least recently rotated first. */
    evict(subject: SubjectBindings, { maxSessions, atMost, ...moment }: EvictOptions): Batch {
      const { now } = moment
      const live = toNumber(
        statements.countLive.get({
          ...subject,
          now,
          limit: Math.min(maxSessions + atMost + 1, Number.MAX_SAFE_INTEGER)
        })
      )!
      const excess = live - maxSessions
      if (excess <= 0) return { revoked: [], more: false }
      const rows = statements.leastRecent.all({ ...subject, now, limit: Math.min(excess, atMost) })
      return { revoked: revokeRows(rows, moment), more: excess > atMost }
    }
  }
}
