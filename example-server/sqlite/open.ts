import { mkdirSync, statSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { sqliteStore } from '../../plugin/stores/sqlite.ts'
import type { Tables } from '../database.ts'
import { Refusal } from '../refusals.ts'
import type { UsersOptions } from '../users.ts'
import { createKnownAddresses } from './known-addresses.ts'
import { createNotes } from './notes.ts'
import { migrate } from './schema.ts'
import { createUsers } from './users.ts'

/** How long a start waits for other processes' writes, and then a request: the whole process stands still meanwhile. */
const patienceMs = { start: 5000, request: 250 }

/** Opens the file in `dataDir`: one file, one connection, for users, notes and sessions. Makes both if need be. */
export async function openSqlite(dataDir: string, options: UsersOptions): Promise<Tables> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  // Node's own client from 22 on, the same API from a package on 20.
  const client = isBuiltin('node:sqlite') ? 'node:sqlite' : '@photostructure/sqlite'
  const { DatabaseSync } = (await import(client)) as typeof import('@photostructure/sqlite')
  const path = join(dataDir, 'example.db')
  const database = new DatabaseSync(path)
  const wait = (ms: number) => database.exec(`PRAGMA busy_timeout = ${ms}`)
  // The patience with other processes comes first: they may be switching the journal at this moment.
  wait(patienceMs.start)
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON')
  migrate(database)
  wait(patienceMs.request)
  const users = createUsers(database, options)
  const opened = statSync(path)
  return {
    users,
    notes: createNotes(database),
    knownAddresses: createKnownAddresses(database),
    openSessions() {
      wait(patienceMs.start)
      const store = sqliteStore(database)
      wait(patienceMs.request)
      return store
    },
    async ping() {
      await users.byId('nobody')
      // A file that was removed is written to all the same, and is gone with this process.
      const found = statSync(path, { throwIfNoEntry: false })
      if (found?.ino !== opened.ino || found.dev !== opened.dev) {
        throw new Refusal('DATABASE_UNAVAILABLE', {}, { cause: new Error(`${path} is not the file that was opened`) })
      }
    },
    close: async () => database.close()
  }
}
