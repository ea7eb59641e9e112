import { knownMs, maxKnown, renewedAfterMs, type KnownAddresses } from '../known-addresses.ts'
import type { Query } from './query.ts'

const userId = '(SELECT id FROM users WHERE lower(name) = lower($1 COLLATE "C"))'

export function createKnownAddresses(query: Query): KnownAddresses {
  return {
    async has({ username, address }, now) {
      const rows = await query(
        `SELECT 1 FROM known_addresses WHERE user_id = ${userId} AND address = $2 AND seen_at > $3`,
        [username, address, new Date(now - knownMs)]
      )
      return rows.length === 1
    },

    async add({ username, address }, now) {
      const added = await query(
        `INSERT INTO known_addresses AS known (user_id, address, seen_at)
        SELECT id, $2, $3 FROM users WHERE lower(name) = lower($1 COLLATE "C")
        ON CONFLICT (user_id, address) DO UPDATE SET seen_at = excluded.seen_at
        WHERE known.seen_at < excluded.seen_at - interval '${renewedAfterMs} milliseconds'
        RETURNING user_id`,
        [username, address, new Date(now)]
      )
      if (added.length === 0) return
      await query('DELETE FROM known_addresses WHERE seen_at <= $1', [new Date(now - knownMs)])
      await query(
        `DELETE FROM known_addresses WHERE user_id = ${userId} AND address IN (
        SELECT address FROM known_addresses WHERE user_id = ${userId} ORDER BY seen_at DESC OFFSET ${maxKnown})`,
        [username]
      )
    }
  }
}
