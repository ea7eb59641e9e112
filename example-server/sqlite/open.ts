import { mkdirSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { sqliteStore } from '../../plugin/stores/sqlite.ts'
import type { Tables } from '../database.ts'
import type { UsersOptions } from '../users.ts'
import { createNotes } from './notes.ts'
import { migrate } from './schema.ts'
import { createUsers } from './users.ts'

/** Opens the file in `dataDir`: one file, one connection, for users, notes and sessions. Makes both if need be. */
export async function openSqlite (dataDir: string, options: UsersOptions): Promise<Tables> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  // Node's own client from 22 on, the same API from a package on 20.
  const client = isBuiltin('node:sqlite') ? 'node:sqlite' : '@photostructure/sqlite'
  const { DatabaseSync } = await import(client) as typeof import('@photostructure/sqlite')
  const database = new DatabaseSync(join(dataDir, 'example.db'))
  // The patience with other processes comes first: they may be switching the journal at this moment.
  database.exec('PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON')
  migrate(database)
  return {
    users: createUsers(database, options),
    notes: createNotes(database),
    openSessions: () => sqliteStore(database),
    close: async () => database.close()
  }
}
