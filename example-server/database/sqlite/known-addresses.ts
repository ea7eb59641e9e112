import type { SqliteDatabase } from 'fastify-authenticate/stores/sqlite'
import { knownMs, maxKnown, renewedAfterMs, type KnownAddresses } from '../known-addresses.ts'
import { prepare } from './statement.ts'

export function createKnownAddresses(database: SqliteDatabase): KnownAddresses {
  const find = prepare(
    database,
    `SELECT 1 FROM known_addresses
    WHERE user_id = (SELECT id FROM users WHERE name = :username) AND address = :address AND seen_at > :since`
  )
  const insert = prepare(
    database,
    `INSERT INTO known_addresses (user_id, address, seen_at)
    SELECT id, :address, :now FROM users WHERE name = :username
    ON CONFLICT (user_id, address) DO UPDATE SET seen_at = excluded.seen_at
    WHERE seen_at < excluded.seen_at - ${renewedAfterMs}`
  )
  const deleteOld = prepare(database, 'DELETE FROM known_addresses WHERE seen_at <= :since')
  const deleteSurplus = prepare(
    database,
    `DELETE FROM known_addresses WHERE rowid IN (
    SELECT rowid FROM known_addresses WHERE user_id = (SELECT id FROM users WHERE name = :username)
    ORDER BY seen_at DESC LIMIT -1 OFFSET ${maxKnown})`
  )

  return {
    has: async ({ username, address }, now) => find.get({ username, address, since: now - knownMs }) !== undefined,

    async add({ username, address }, now) {
      if (Number(insert.run({ username, address, now }).changes) === 0) return
      deleteOld.run({ since: now - knownMs })
      deleteSurplus.run({ username })
    }
  }
}
