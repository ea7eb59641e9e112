import { randomBytes } from 'node:crypto'
import { beginning, formatCursor, parseCursor } from '../revocation-cursor.ts'
import type { Revocation } from '../session-store.ts'
import { toRevocation } from './rows.ts'
import type { Statements } from './statements.ts'

/** Numbered entries, one for each revoked session or token. Its methods run inside a transaction. */
export function createRevocationLog(statements: Statements) {
  return {
    /** Keeps the later `until`. An entry that is raised moves to the end, for readers that have passed it. */
    append({ kind, id, until }: Revocation): void {
      const known = statements.findEntry.get({ kind, id }) as Record<'number' | 'until', number | bigint> | undefined
      if (known !== undefined && Number(known.until) >= until) return
      if (known !== undefined) statements.emptyEntry.run({ number: Number(known.number) })
      statements.appendEntry.run({ mark: newNonce(), kind, id, until })
    },

    read(cursor: string | null, limit: number) {
      const { number, nonce } = parseCursor(cursor)
      const resumed = number === 0 || statements.entryAt.get({ number, mark: nonce }) !== undefined
      const from = resumed ? { number, nonce } : beginning
      const found = statements.entriesAfter.all({ number: from.number, limit: limit + 1 }).map(toRevocation)
      const page = found.slice(0, limit)
      return {
        entries: page.map(({ revocation }) => revocation),
        cursor: page.at(-1)?.cursor ?? formatCursor(from),
        more: found.length > limit,
        resumed
      }
    }
  }
}

export type RevocationLog = ReturnType<typeof createRevocationLog>

/** Differs when another entry gets the same number, after the file was restored from a backup. */
const newNonce = () => randomBytes(9).toString('base64url')
