import { readTime, sql, type Query, type StoredTime } from './query.ts'
import { isEmail, isNamed } from './users.ts'

/** How long an address stays known after the last sign-in from it. */
const knownMs = 30 * 24 * 3600 * 1000

/** Age from which a sign-in updates its row: one write a day instead of one per sign-in. */
const renewedAfterMs = 24 * 3600 * 1000

/** Addresses of one account; beyond that, the least recently used ones are deleted. */
const maxKnown = 50
/** More than an account ever has: SQLite accepts no `OFFSET` without a `LIMIT`. */
const all = 1_000_000

export interface AccountAddress {
  /** The username or the verified e-mail address, as it was typed; compared without regard to case. */
  readonly username: string
  /** The `address` of `networkOf()`. */
  readonly address: string
}

/** The addresses that accounts were recently signed in from. */
export interface KnownAddresses {
  /** Whether the account was signed in from this address within the 30 days before `now` (ms since the epoch). */
  has(from: AccountAddress, now: number): Promise<boolean>
  /** Records a sign-in, and deletes rows older than 30 days. Does nothing if the account does not exist. */
  add(from: AccountAddress, now: number): Promise<void>
  /** Of one user, the latest first. */
  list(userId: string): Promise<{ address: string; seenAt: Date }[]>
}

export function createKnownAddresses(query: Query): KnownAddresses {
  // At most one user: no username is an address.
  const isOf = (username: string) => sql`(${isNamed(username)} OR ${isEmail(username)})`
  const idOf = (username: string) => sql`(SELECT id FROM users WHERE ${isOf(username)})`
  const before = (now: number, ms: number) => new Date(now - ms)

  return {
    async has({ username, address }, now) {
      const found = await query(sql`
        SELECT 1 FROM known_addresses
        WHERE user_id = ${idOf(username)} AND address = ${address} AND seen_at > ${before(now, knownMs)}`)
      return found.length === 1
    },

    async add({ username, address }, now) {
      const added = await query(sql`
        INSERT INTO known_addresses AS known (user_id, address, seen_at)
        SELECT id, ${address}, ${new Date(now)} FROM users WHERE ${isOf(username)}
        ON CONFLICT (user_id, address) DO UPDATE SET seen_at = excluded.seen_at
        WHERE known.seen_at < ${before(now, renewedAfterMs)}
        RETURNING user_id`)
      if (added.length === 0) return
      await query(sql`DELETE FROM known_addresses WHERE seen_at <= ${before(now, knownMs)}`)
      await query(sql`
        DELETE FROM known_addresses WHERE user_id = ${idOf(username)} AND address IN (
          SELECT address FROM known_addresses WHERE user_id = ${idOf(username)}
          ORDER BY seen_at DESC LIMIT ${all} OFFSET ${maxKnown})`)
    },

    async list(userId) {
      const rows = await query<{ address: string; seenAt: StoredTime }>(sql`
        SELECT address, seen_at AS "seenAt" FROM known_addresses WHERE user_id = ${userId} ORDER BY seen_at DESC`)
      return rows.map(({ address, seenAt }) => ({ address, seenAt: readTime(seenAt) }))
    }
  }
}
