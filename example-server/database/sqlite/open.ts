import { statSync } from 'node:fs'
import { join } from 'node:path'
import { sqliteStore, type SqliteDatabase } from 'fastify-authenticate/stores/sqlite'
import { AppError } from '../../errors.ts'
import { makeFolder } from '../../files/folder.ts'
import { createTables, type Tables, type TablesOptions } from '../tables.ts'
import { createFile, namingFile, openFile } from './file.ts'
import { createQuery } from './query.ts'
import { migrate } from './schema.ts'

/** How long SQLite waits for the write lock of another process; it blocks the whole process while it waits. */
const busyTimeoutMs = { start: 5000, request: 250 }

export const fileIn = (dataDir: string) => join(dataDir, 'example.db')

/**
 * Opens (or creates) the file in `dataDir`: one file and one connection for users, notes and sessions.
 * @throws Error that names the file
 */
export async function openSqlite(dataDir: string, options: TablesOptions): Promise<Tables> {
  makeFolder(dataDir)
  const path = fileIn(dataDir)
  namingFile(path, () => createFile(path))
  const database = await openFile(path)
  const setBusyTimeout = (ms: number) => database.exec(`PRAGMA busy_timeout = ${ms}`)
  namingFile(path, () => {
    // Before the journal mode, which another process may be changing at the same time.
    setBusyTimeout(busyTimeoutMs.start)
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON')
    migrate(database)
    setBusyTimeout(busyTimeoutMs.request)
  })
  const tables = createTables(createQuery(database), options)
  const opened = statSync(path)
  return {
    ...tables,
    openSessions() {
      setBusyTimeout(busyTimeoutMs.start)
      const store = namingFile(path, () => sqliteStore(database))
      setBusyTimeout(busyTimeoutMs.request)
      return store
    },
    async ping() {
      await tables.users.byId('nobody')
      // A removed file can still be read and written, but its data is lost when the process ends.
      const found = statSync(path, { throwIfNoEntry: false })
      if (found?.ino !== opened.ino || found.dev !== opened.dev) {
        throw new AppError('DATABASE_UNAVAILABLE', { cause: new Error(`${path} is not the file that was opened`) })
      }
    },
    async close() {
      moveLogIntoFile(database)
      database.close()
    }
  }
}

/** So that the file alone contains everything. `close()` does not do this while there are prepared statements. */
function moveLogIntoFile(database: SqliteDatabase): void {
  try {
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  } catch {
    // A full disk, or another process: nothing is lost, because the log stays beside the file.
  }
}
