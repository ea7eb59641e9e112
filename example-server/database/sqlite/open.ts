import { mkdirSync, statSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { sqliteStore } from '../../../plugin/stores/sqlite.ts'
import type { Tables } from '../tables.ts'
import { AppError } from '../../errors.ts'
import type { UsersOptions } from '../users.ts'
import { createKnownAddresses } from './known-addresses.ts'
import { createNotes } from './notes.ts'
import { migrate } from './schema.ts'
import { createUsers } from './users.ts'

/** How long SQLite waits for the write lock of another process; it blocks the whole process while it waits. */
const busyTimeoutMs = { start: 5000, request: 250 }

/** Opens (or creates) the file in `dataDir`: one file and one connection for users, notes and sessions. */
export async function openSqlite(dataDir: string, options: UsersOptions): Promise<Tables> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  // Built into Node from 22 on; on Node 20 a package has the same API.
  const client = isBuiltin('node:sqlite') ? 'node:sqlite' : '@photostructure/sqlite'
  const { DatabaseSync } = (await import(client)) as typeof import('@photostructure/sqlite')
  const path = join(dataDir, 'example.db')
  const database = new DatabaseSync(path)
  const setBusyTimeout = (ms: number) => database.exec(`PRAGMA busy_timeout = ${ms}`)
  // Before the journal mode, which another process may be changing at the same time.
  setBusyTimeout(busyTimeoutMs.start)
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON')
  migrate(database)
  setBusyTimeout(busyTimeoutMs.request)
  const users = createUsers(database, options)
  const opened = statSync(path)
  return {
    users,
    notes: createNotes(database),
    knownAddresses: createKnownAddresses(database),
    openSessions() {
      setBusyTimeout(busyTimeoutMs.start)
      const store = sqliteStore(database)
      setBusyTimeout(busyTimeoutMs.request)
      return store
    },
    async ping() {
      await users.byId('nobody')
      // A removed file can still be read and written, but its data is lost when the process ends.
      const found = statSync(path, { throwIfNoEntry: false })
      if (found?.ino !== opened.ino || found.dev !== opened.dev) {
        throw new AppError('DATABASE_UNAVAILABLE', { cause: new Error(`${path} is not the file that was opened`) })
      }
    },
    close: async () => database.close()
  }
}
