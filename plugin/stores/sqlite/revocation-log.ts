import { randomBytes } from 'node:crypto'
import type { Revocation } from '../session-store.ts'
import { toEntry } from './rows.ts'
import type { Statements } from './statements.ts'

/** An empty log's cursor: everything comes after it. */
const beginning = '0.'

/** Numbered entries, one for each thing revoked. Called inside a transaction. */
export function createRevocationLog(statements: Statements) {
  return {
    /** Keeps the later `until`. An entry that is raised moves to the end, for readers that are past it. */
    append({ kind, id, until }: Revocation): void {
      const known = statements.findEntry.get({ kind, id }) as Record<'number' | 'until', number | bigint> | undefined
      if (known !== undefined && Number(known.until) >= until) return
      if (known !== undefined) statements.emptyEntry.run({ number: Number(known.number) })
      statements.appendEntry.run({ mark: newMark(), kind, id, until })
    },

    read(cursor: string | null, limit: number) {
      const [number = 0, mark = ''] = cursor?.split('.') ?? []
      const resumed =
        cursor === null ||
        cursor === beginning ||
        statements.entryAt.get({ number: Number(number), mark }) !== undefined
      const after = resumed ? Number(number) : 0
      const found = statements.entriesAfter.all({ number: after, limit: limit + 1 }).map(toEntry)
      const page = found.slice(0, limit)
      return {
        entries: page.map(({ entry }) => entry),
        cursor: page.at(-1)?.cursor ?? (resumed && cursor !== null ? cursor : beginning),
        more: found.length > limit,
        resumed
      }
    }
  }
}

/** Tells an entry from another one that got its number after the file was restored from a backup. */
const newMark = () => randomBytes(9).toString('base64url')
